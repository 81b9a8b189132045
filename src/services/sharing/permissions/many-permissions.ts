import { AppError } from '../../../errors.ts';
import { type FileAction, may } from '../../access.ts';
import type { Viewer } from '../../viewer.ts';
import type { HeldPermissions, Placed } from './held-permissions.ts';

/** Things, parted by what somebody may do with them. */
export interface Parted<T> {
  readonly allowed: T[];
  /** Those that somebody was given less of. */
  readonly forbidden: T[];
}

/** What somebody may do with many files or folders at once, in few queries. */
export class ManyPermissions {
  private readonly access: Pick<HeldPermissions, 'ofMany'>;

  constructor(access: Pick<HeldPermissions, 'ofMany'>) {
    this.access = access;
  }

  /** Those of the things that the viewer may do this to, in their order; each as `HeldPermissions.may` would say. */
  async allowed<T extends Placed>(
    viewer: Pick<Viewer, 'userId'> | null,
    action: FileAction,
    things: readonly T[],
  ): Promise<T[]> {
    return (await this.parted(viewer, action, things)).allowed;
  }

  /** The same, with those that `HeldPermissions.require` would refuse with FORBIDDEN; what is in neither is not there. */
  async parted<T extends Placed>(
    viewer: Pick<Viewer, 'userId'> | null,
    action: FileAction,
    things: readonly T[],
  ): Promise<Parted<T>> {
    const open = things.filter((thing) => !may(viewer, action, thing));
    if (open.length === 0 || !viewer) {
      return { allowed: things.filter((thing) => may(viewer, action, thing)), forbidden: [] };
    }
    const found = await this.access.ofMany(viewer.userId, open);
    const held = new Map(open.map((thing, i) => [thing, found[i] ?? null]));
    const mayWith = (thing: T, wanted: FileAction) => may(viewer, wanted, thing, held.get(thing) ?? null);
    return {
      allowed: things.filter((thing) => mayWith(thing, action)),
      forbidden: open.filter((thing) => held.get(thing) && mayWith(thing, 'view') && !mayWith(thing, action)),
    };
  }
}

/** The error for somebody who was given less than it takes. */
export const givenLess = () => new AppError('FORBIDDEN', 'What you were given here does not allow this.');
