import type { Collections } from '../../../models/collections.ts';
import type { Grant, ShareKind } from '../../../models/grant.ts';
import { parseId } from '../../../models/object-id.ts';
import { holds, may } from '../../access.ts';
import { type ForwardPage, type ForwardRequest, pageSize } from '../../forward-page.ts';
import type { SignedCursors } from '../../signed-cursors.ts';
import type { Viewer } from '../../viewer.ts';
import { withId } from '../../with-id.ts';
import { best, type Step } from '../permissions/counted-grants.ts';
import type { HeldPermissions } from '../permissions/held-permissions.ts';
import type { ShownGrant } from './grants.ts';
import { isExpired, type SharedThing, thingsWith } from './shared-things.ts';

const LEAST_BATCH = 50;

/** Lists of grants, paged by key. */
export class GrantListing {
  private readonly collections: Pick<Collections, 'grants' | 'files' | 'folders'>;
  private readonly access: Pick<HeldPermissions, 'counted' | 'may'>;
  private readonly cursors: SignedCursors;

  constructor(
    collections: Pick<Collections, 'grants' | 'files' | 'folders'>,
    access: Pick<HeldPermissions, 'counted' | 'may'>,
    cursors: SignedCursors,
  ) {
    this.collections = collections;
    this.access = access;
    this.cursors = cursors;
  }

  /**
   * What was shared with the viewer and may be seen now, the newest first. Each thing is there once, with the strongest
   * grant on it; what only lies in a shared folder is not in the list.
   */
  async sharedWith(
    viewer: Viewer,
    kind: ShareKind | null,
    request: ForwardRequest,
  ): Promise<ForwardPage<ShownGrant>> {
    const size = pageSize(request.first);
    const list = `sharedWithMe ${kind ?? ''}`;
    const place = this.cursors.decode(list, request.after);
    const batchSize = Math.max(size + 1, LEAST_BATCH);
    const shown: ShownGrant[] = [];
    for (let before = place && parseId(place[0]); shown.length <= size; ) {
      const batch = await this.collections.grants
        .find({ grantee: viewer.userId, ...(before && { _id: { $lt: before } }), ...(kind && { kind }) })
        .sort({ _id: -1 })
        .hint('shared_with')
        .limit(batchSize)
        .lean<Grant[]>();
      shown.push(...(await this.visible(viewer, batch)));
      before = batch.at(-1)?._id ?? null;
      if (batch.length < batchSize) break;
    }
    return {
      nodes: shown.slice(0, size),
      hasNextPage: shown.length > size,
      hasPreviousPage: place !== null,
      cursor: ({ id }) => this.cursors.encode(list, [id]),
    };
  }

  /** Who was given what on the thing itself, in force or not; null for who may not share it. */
  async on(
    viewer: Pick<Viewer, 'userId'> | null,
    thing: SharedThing,
    request: ForwardRequest,
  ): Promise<ForwardPage<ShownGrant> | null> {
    const size = pageSize(request.first);
    const list = `grants ${thing._id.toHexString()}`;
    const place = this.cursors.decode(list, request.after)?.map(parseId) ?? null;
    if (!(await this.access.may(viewer, 'share', thing))) return null;
    const [grantee, grantedBy] = place ?? [];
    const beyond = place && {
      $or: [{ grantee: { $gt: grantee } }, { grantee, grantedBy: { $gt: grantedBy } }],
    };
    const found = await this.collections.grants
      .find({ target: thing._id, ...beyond } as never)
      .sort({ grantee: 1, grantedBy: 1 })
      .hint('given')
      .limit(size + 1)
      .lean<Grant[]>();
    const [counted = []] = await this.access.counted([thing]);
    const inForce = new Set(counted.map(({ _id }) => _id.toHexString()));
    return {
      nodes: found.slice(0, size).map((grant) => shownOf(grant, thing, inForce.has(grant._id.toHexString()))),
      hasNextPage: found.length > size,
      hasPreviousPage: place !== null,
      cursor: (grant) =>
        this.cursors.encode(list, [grant.grantee.toHexString(), grant.grantedBy.toHexString()]),
    };
  }

  /** Those of the viewer’s grants that the list shows. */
  private async visible(viewer: Viewer, grants: readonly Grant[]): Promise<ShownGrant[]> {
    const things = await thingsWith(
      this.collections,
      grants.map(({ kind, target }) => ({ kind, _id: target })),
    );
    const found = [...things.values()];
    const counted = await this.access.counted(found);
    const mine = new Map(
      found.map((thing, i) => [
        thing._id.toHexString(),
        (counted[i] ?? []).filter(({ grantee }) => grantee.equals(viewer.userId)),
      ]),
    );
    return grants.flatMap((grant) => {
      const thing = things.get(grant.target.toHexString());
      const steps = mine.get(grant.target.toHexString()) ?? [];
      const isShown =
        thing && !isExpired(thing) && strongest(steps)?._id.equals(grant._id) && sees(viewer, thing, steps);
      return isShown ? [shownOf(grant, thing, true)] : [];
    });
  }
}

const sees = (viewer: Viewer, thing: SharedThing, steps: readonly Step[]) =>
  may(viewer, 'view', thing, best(steps));

/** The grant on the thing itself that gives the most, the newest of several. */
function strongest(steps: readonly Step[]): Step | undefined {
  const [first, ...others] = steps.filter(({ level }) => level === 0);
  return others.reduce((most, step) => (isBefore(step, most as Step) ? step : most), first);
}

function isBefore(a: Step, b: Step): boolean {
  if (a.permission !== b.permission) return holds(a.permission, b.permission);
  return a._id.toHexString() > b._id.toHexString();
}

function shownOf(grant: Grant, item: SharedThing, isInForce: boolean): ShownGrant {
  return { ...withId(grant), sharedAt: grant.createdAt, isInForce, item };
}
