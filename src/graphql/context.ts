import type DataLoader from 'dataloader';
import { AppError } from '../errors.ts';
import type { User } from '../models/user.ts';
import type { AccountService } from '../services/accounts/accounts.ts';
import type { Authentication } from '../services/accounts/authentication.ts';
import type { SessionService } from '../services/accounts/sessions.ts';
import type { FileListing } from '../services/files/file-listing.ts';
import type { FileService } from '../services/files/files.ts';
import type { LinkService } from '../services/files/links.ts';
import type { DirectUploads } from '../services/uploads/direct-uploads.ts';
import type { UploadService } from '../services/uploads/uploads.ts';
import type { ClientFacts, Viewer } from '../services/viewer.ts';

/** The use cases that resolvers call. */
export interface Services {
  readonly authentication: Authentication;
  readonly accounts: AccountService;
  readonly sessions: SessionService;
  readonly files: FileService;
  readonly listing: FileListing;
  readonly uploads: UploadService;
  readonly directUploads: DirectUploads;
  readonly links: LinkService;
}

/** The refresh token's cookie, for browsers that asked for it; see spec/api/authentication.md. */
export interface RefreshCookie {
  /** Whether this request asked to keep the refresh token in the cookie. */
  readonly wanted: boolean;
  /** The token the cookie brought; undefined without one, or when the request did not ask for cookies. */
  readonly token: string | undefined;
  set(token: string, expiresAt: Date): void;
  clear(): void;
}

/** What every resolver gets. */
export interface Context {
  readonly viewer: Viewer | null;
  readonly services: Services;
  readonly requestId: string;
  readonly client: ClientFacts;
  readonly refreshCookie: RefreshCookie;
  readonly loaders: { readonly users: DataLoader<string, User | null> };
  /** Aborts when the client goes away or the server gives up on the request. */
  readonly signal: AbortSignal;
}

/** The viewer of a field that needs one, or UNAUTHENTICATED. */
export function viewerOf(context: Context): Viewer {
  if (!context.viewer)
    throw new AppError('UNAUTHENTICATED', 'Log in first: send `Authorization: Bearer <accessToken>`.');
  return context.viewer;
}
