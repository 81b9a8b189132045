import { AppError } from '../../../errors.ts';
import { AuditAction } from '../../../models/audit-event.ts';
import type { Collections } from '../../../models/collections.ts';
import { FileChangeKind } from '../../../models/file-change.ts';
import type { Grant, Permission } from '../../../models/grant.ts';
import { isDuplicateKey, type ObjectId, parseId } from '../../../models/object-id.ts';
import { requireVerified } from '../../access.ts';
import type { AuditTrail } from '../../audit/audit-trail.ts';
import type { RateLimits } from '../../limits/rate-limits.ts';
import type { FileEvents } from '../../live/file-events.ts';
import type { Viewer } from '../../viewer.ts';
import { withId } from '../../with-id.ts';
import type { AccessWatch } from '../permissions/access-watch.ts';
import type { HeldPermissions } from '../permissions/held-permissions.ts';
import { type GranteeName, Grantees } from './grantees.ts';
import {
  isExpired,
  isFile,
  type Named,
  namedThing,
  nothingThere,
  type SharedThing,
  thingsWith,
} from './shared-things.ts';

/** A grant as it is shown, with what it is on. */
export interface ShownGrant extends Grant {
  readonly item: SharedThing;
}

/** What somebody gives somebody else. */
export interface NewGrant extends Named, GranteeName {
  readonly permission: Permission;
}

/** The most grants that a file or a folder has by itself. */
export const MOST_GRANTS = 1_000;

/** What grants are made with. */
export interface GrantParts {
  readonly collections: Pick<Collections, 'grants' | 'users' | 'files' | 'folders'>;
  readonly access: Pick<HeldPermissions, 'require' | 'may'>;
  readonly accessWatch: Pick<AccessWatch, 'check'>;
  readonly limits: RateLimits;
  readonly audit: Pick<AuditTrail, 'record'>;
  readonly events: Pick<FileEvents, 'tell'>;
  /** Whether only accounts that verified their address may share. */
  readonly needsVerifiedEmail: boolean;
}

/** Gives people permissions on files and folders, and takes them back. */
export class GrantService {
  private readonly parts: GrantParts;
  private readonly grants: Collections['grants'];
  private readonly grantees: Grantees;

  constructor(parts: GrantParts) {
    this.parts = parts;
    this.grants = parts.collections.grants;
    this.grantees = new Grantees(parts.collections.users, parts.limits);
  }

  /**
   * Gives somebody a permission, or another one instead of that which the viewer gave them before. For the owner and for
   * who holds MANAGE; FORBIDDEN for others who may see the thing, NOT_FOUND where the viewer or the other person sees
   * nobody and nothing, BAD_USER_INPUT for oneself and the owner, CONFLICT when a thing has too many grants.
   */
  async give(viewer: Viewer, given: NewGrant): Promise<ShownGrant> {
    requireVerified(viewer, this.parts.needsVerifiedEmail);
    const thing = await this.find(given);
    if (!thing) throw nothingThere();
    await this.parts.access.require(viewer, ['share'], thing, nothingThere);
    if (isExpired(thing)) throw new AppError('GONE', 'The file has expired.');
    const grantee = await this.grantees.find(viewer, given);
    refusePointless(viewer, thing, grantee);
    const grant = await this.write(viewer, thing, grantee, given);
    await this.note(AuditAction.ACCESS_GRANTED, viewer, thing, grantee, { permission: given.permission });
    // It may be less than before.
    void this.parts.accessWatch.check();
    return { ...withId(grant), sharedAt: grant.createdAt, isInForce: true, item: thing };
  }

  /**
   * Takes back what somebody was given: all of it for the owner, what they gave themselves for all others. False when
   * there was nothing; FORBIDDEN when it was given by somebody else, NOT_FOUND for who may not see the thing.
   */
  async revoke(viewer: Viewer, named: Named & { readonly userId: string }): Promise<boolean> {
    const thing = await this.find(named);
    const grantee = parseId(named.userId);
    if (!thing || !(await this.parts.access.may(viewer, 'view', thing))) throw nothingThere();
    if (!grantee) return false;
    const all = { target: thing._id, grantee };
    const isOwn = thing.userId.equals(viewer.userId);
    const { deletedCount } = await this.grants.deleteMany(isOwn ? all : { ...all, grantedBy: viewer.userId });
    if (deletedCount === 0) {
      if (!isOwn) await this.refuseForeign(viewer, thing, all);
      return false;
    }
    await this.ended(viewer, thing, grantee);
    return true;
  }

  /** Gives up what the viewer was given on the thing itself; false when that was nothing. */
  async leave(viewer: Viewer, named: Named): Promise<boolean> {
    const { _id: target } = namedThing(named);
    if (!target) return false;
    const { deletedCount } = await this.grants.deleteMany({ target, grantee: viewer.userId });
    if (deletedCount === 0) return false;
    const thing = await this.find(named);
    if (thing) await this.ended(viewer, thing, viewer.userId);
    return true;
  }

  private async find(named: Named): Promise<SharedThing | null> {
    const { kind, _id } = namedThing(named);
    if (!_id) return null;
    const things = await thingsWith(this.parts.collections, [{ kind, _id }]);
    return things.get(_id.toHexString()) ?? null;
  }

  private async write(
    { userId: grantedBy }: Viewer,
    { _id: target, userId }: SharedThing,
    grantee: ObjectId,
    given: NewGrant,
  ): Promise<Grant> {
    const key = { target, grantee, grantedBy };
    const { kind } = namedThing(given);
    const set = { $set: { userId, kind, permission: given.permission } };
    const isNew = !(await this.grants.exists(key));
    if (isNew && (await this.grants.countDocuments({ target }, { limit: MOST_GRANTS })) >= MOST_GRANTS) {
      throw new AppError('CONFLICT', `It is shared with ${MOST_GRANTS} people already.`);
    }
    const upsert = () =>
      this.grants.findOneAndUpdate(key, set, { upsert: true, returnDocument: 'after' }).lean<Grant>();
    const grant = await upsert().catch((error: unknown) => {
      // The same was given in the same moment; now it is there to be changed.
      if (isDuplicateKey(error)) return upsert();
      throw error;
    });
    return grant as Grant;
  }

  /** FORBIDDEN where others gave what the viewer would take back; whoever does not share a thing learns nothing of its grants. */
  private async refuseForeign(
    viewer: Viewer,
    thing: SharedThing,
    all: { target: ObjectId; grantee: ObjectId },
  ): Promise<void> {
    await this.parts.access.require(viewer, ['share'], thing, nothingThere);
    if (await this.grants.exists(all)) {
      throw new AppError('FORBIDDEN', 'Others gave this: the owner and they can take it back.');
    }
  }

  private async ended(viewer: Viewer, thing: SharedThing, grantee: ObjectId): Promise<void> {
    // Also what others have on their way who had it from them.
    void this.parts.accessWatch.check();
    await this.note(AuditAction.ACCESS_REVOKED, viewer, thing, grantee, {});
  }

  private async note(
    action: AuditAction,
    by: Viewer,
    thing: SharedThing,
    subject: ObjectId,
    details: { permission?: Permission },
  ): Promise<void> {
    if (isFile(thing)) this.parts.events.tell(FileChangeKind.SHARED, thing);
    const kind = isFile(thing) ? 'file' : 'folder';
    await this.parts.audit.record({
      action,
      by,
      subject,
      target: thing._id,
      details: { kind, ...details },
    });
  }
}

function refusePointless({ userId }: Viewer, thing: SharedThing, grantee: ObjectId): void {
  const isOwner = grantee.equals(thing.userId);
  if (!isOwner && !grantee.equals(userId)) return;
  const message = isOwner ? 'The owner needs no permission.' : 'Nobody gives themselves a permission.';
  throw new AppError('BAD_USER_INPUT', message, { issues: [{ field: 'input.user', message }] });
}
