import { type Grant, Permission } from '../../../models/grant.ts';
import type { ObjectId } from '../../../models/object-id.ts';
import { holds } from '../../access.ts';

/** A grant, with how far above the thing its target lies: 0 is the thing itself. */
export interface Step extends Pick<Grant, '_id' | 'grantee' | 'grantedBy' | 'permission'> {
  readonly level: number;
}

/**
 * The grants that are worth something: their giver is the owner, or holds MANAGE there by such a grant. Begun with what
 * the owner gave, so that people who give to each other hold nothing by that alone.
 */
export function countedOf(steps: readonly Step[], owner: ObjectId): Step[] {
  const counted = steps.filter(({ grantedBy }) => grantedBy.equals(owner));
  let rest = steps.filter(({ grantedBy }) => !grantedBy.equals(owner));
  for (let fresh: readonly Step[] = counted; fresh.length > 0 && rest.length > 0; ) {
    const reach = reachOf(fresh);
    fresh = rest.filter(({ grantedBy, level }) => (reach.get(grantedBy.toHexString()) ?? -1) >= level);
    counted.push(...fresh);
    const taken = new Set(fresh);
    rest = rest.filter((step) => !taken.has(step));
  }
  return counted;
}

/** How far above the thing each person holds MANAGE by these grants: there and below they may give. */
function reachOf(steps: readonly Step[]): Map<string, number> {
  const reach = new Map<string, number>();
  for (const { grantee, permission, level } of steps) {
    if (permission !== Permission.MANAGE) continue;
    const id = grantee.toHexString();
    reach.set(id, Math.max(level, reach.get(id) ?? -1));
  }
  return reach;
}

/** The most that any of them gives; null of none. */
export function best(steps: readonly Pick<Step, 'permission'>[]): Permission | null {
  return steps.reduce<Permission | null>(
    (most, { permission }) => (most && holds(most, permission) ? most : permission),
    null,
  );
}
