import type DataLoader from 'dataloader';
import { AppError } from '../errors.ts';
import type { User } from '../models/user.ts';
import type { AccountWatch } from '../services/accounts/account-watch.ts';
import type { AccountService } from '../services/accounts/accounts.ts';
import type { AvatarService } from '../services/accounts/avatars.ts';
import type { DataExports } from '../services/accounts/data-export.ts';
import type { AccountAdministration } from '../services/admin/account-administration.ts';
import type { AccountListing } from '../services/admin/account-listing.ts';
import type { Appointments } from '../services/admin/appointments.ts';
import type { AuditListing } from '../services/admin/audit-listing.ts';
import type { StorageReports } from '../services/admin/storage-report.ts';
import type { EmailVerification } from '../services/credentials/email-verification.ts';
import type { PasswordReset } from '../services/credentials/password-reset.ts';
import type { SecondFactorService } from '../services/credentials/second-factor.ts';
import type { FileListing } from '../services/files/file-listing.ts';
import type { FileService } from '../services/files/files.ts';
import type { LinkService } from '../services/files/links.ts';
import type { RateLimits } from '../services/limits/rate-limits.ts';
import type { UploadSlots } from '../services/limits/upload-slots.ts';
import type { Quarantine } from '../services/scanning/quarantine.ts';
import type { ApiKeyService } from '../services/sessions/api-keys.ts';
import type { Authentication } from '../services/sessions/authentication.ts';
import type { SessionService } from '../services/sessions/sessions.ts';
import type { DirectUploads } from '../services/uploads/direct-uploads.ts';
import type { UploadService } from '../services/uploads/uploads.ts';
import type { ClientFacts, Viewer } from '../services/viewer.ts';

/** The use cases that resolvers call. */
export interface Services {
  readonly authentication: Authentication;
  readonly accounts: AccountService;
  readonly watch: AccountWatch;
  readonly appointments: Appointments;
  readonly administration: AccountAdministration;
  readonly accountListing: AccountListing;
  readonly auditListing: AuditListing;
  readonly storageReports: StorageReports;
  readonly sessions: SessionService;
  readonly secondFactor: SecondFactorService;
  readonly avatars: AvatarService;
  readonly dataExports: DataExports;
  readonly apiKeys: ApiKeyService;
  readonly verification: EmailVerification;
  readonly passwordReset: PasswordReset;
  readonly files: FileService;
  readonly listing: FileListing;
  readonly uploads: UploadService;
  readonly directUploads: DirectUploads;
  readonly quarantine: Quarantine;
  readonly links: LinkService;
  readonly limits: RateLimits;
  readonly slots: UploadSlots;
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
  readonly loaders: {
    readonly users: DataLoader<string, User | null>;
    /** Whether logins of the account need a code. */
    readonly secondFactors: DataLoader<string, boolean>;
  };
  /** Aborts when the client goes away or the server gives up on the request. */
  readonly signal: AbortSignal;
  /** How many files the request brings. */
  readonly fileCount: number;
}

/** The viewer of a field that needs one, or UNAUTHENTICATED. */
export function viewerOf(context: Context): Viewer {
  if (!context.viewer)
    throw new AppError('UNAUTHENTICATED', 'Log in first: send `Authorization: Bearer <accessToken>`.');
  return context.viewer;
}
