import { AppError } from '../errors.ts';
import type { Scope } from '../models/api-key.ts';
import type { FileAccess } from '../models/file-details.ts';
import { Permission } from '../models/grant.ts';
import type { ObjectId } from '../models/object-id.ts';
import { Role } from '../models/user.ts';
import { isEnded } from './sessions/ended-viewers.ts';
import type { Viewer } from './viewer.ts';

/** What somebody may want of a file or a folder; `own` is what nobody but its owner may. */
export type FileAction = 'view' | 'download' | 'update' | 'delete' | 'share' | 'own';

/** The facts of a file or a folder that decide; a folder is never public and has no locks. */
export interface Guarded {
  readonly userId: ObjectId;
  readonly isDeleted: boolean;
  readonly isPublic?: boolean;
  readonly access?: FileAccess;
}

const LOCK = { download: 'canDownload', share: 'canShare', delete: 'canDelete' } as const;

/** What an action takes, of those that can be given. */
const TAKES = {
  view: Permission.VIEW,
  download: Permission.DOWNLOAD,
  update: Permission.EDIT,
  delete: Permission.EDIT,
  share: Permission.MANAGE,
} as const;

const RANKS = Object.values(Permission);

/** Whether one permission holds all that another does. */
export function holds(held: Permission, wanted: Permission): boolean {
  return RANKS.indexOf(held) >= RANKS.indexOf(wanted);
}

/**
 * Whether the viewer, or somebody without an account, may do this to the file or the folder, given what others let them.
 * The owner’s locks hold against everybody else, and nobody else sees what lies in the trash. The only place that decides.
 */
export function may(
  viewer: Pick<Viewer, 'userId'> | null,
  action: FileAction,
  thing: Guarded,
  held: Permission | null = null,
): boolean {
  if (viewer && thing.userId.equals(viewer.userId)) return true;
  if (action === 'own' || thing.isDeleted || isLocked(action, thing)) return false;
  if (held && holds(held, TAKES[action])) return true;
  return Boolean(thing.isPublic) && holds(Permission.DOWNLOAD, TAKES[action]);
}

function isLocked(action: Exclude<FileAction, 'own'>, { access }: Guarded): boolean {
  if (!access) return false;
  return !access.canView || (action in LOCK && !access[LOCK[action as keyof typeof LOCK]]);
}

/** Whether the viewer may do what only administrators may; no API key may. */
export function mayAdminister(viewer: Viewer): boolean {
  return viewer.role === Role.ADMIN && !viewer.key;
}

/**
 * What a field or a route needs of whoever uses it: a scope, which every session has; the same, but for people without
 * an account too; a session, for what no key may do; an administrator’s session; or nothing, where keys are of no use.
 */
export type Need = 'anyone' | 'session' | 'admin' | `${Scope}` | `${Scope} or anonymous`;

/** Lets pass who has what is needed; UNAUTHENTICATED for somebody without an account, FORBIDDEN for all others. */
export function requireNeed(viewer: Viewer | null, need: Need): void {
  const [kind, orAnonymous] = need.split(' or ') as [Need, string?];
  if (!viewer) {
    if (kind === 'anyone' || orAnonymous) return;
    throw new AppError('UNAUTHENTICATED', 'Log in first: send `Authorization: Bearer <accessToken>`.');
  }
  if (isEnded(viewer)) throw new AppError('UNAUTHENTICATED', 'The session has ended: log in again.');
  if (viewer.key) {
    if (viewer.key.scopes.some((scope) => scope === kind)) return;
    const isScope = kind.includes(':');
    throw new AppError('FORBIDDEN', isScope ? `This needs an API key with the scope ${kind}.` : NO_KEYS);
  }
  if (kind === 'admin' && viewer.role !== Role.ADMIN) {
    throw new AppError('FORBIDDEN', 'This is for administrators.');
  }
}

/** Lets pass where the service asks for no proof of the address, and who has proved it; else FORBIDDEN. */
export function requireVerified(viewer: Pick<Viewer, 'isEmailVerified'>, isRequired: boolean): void {
  if (!isRequired || viewer.isEmailVerified) return;
  throw new AppError('FORBIDDEN', 'Verify your email address first: `resendVerificationEmail` mails a link.');
}

const NO_KEYS = 'This can’t be done with an API key: log in.';
