import type DataLoader from 'dataloader';
import type { DocumentNode } from 'graphql';
import { AppError } from '../errors.ts';
import type { FileVersion } from '../models/file-version.ts';
import type { Folder } from '../models/folder.ts';
import type { Permission } from '../models/grant.ts';
import type { Preview } from '../models/preview.ts';
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
import type { ArchiveRequests } from '../services/files/archive-requests.ts';
import type { BulkFiles } from '../services/files/bulk.ts';
import type { FileListing } from '../services/files/file-listing.ts';
import type { FileService } from '../services/files/files.ts';
import type { LinkService } from '../services/files/links.ts';
import type { FileMoves } from '../services/folders/file-moves.ts';
import type { FolderListing } from '../services/folders/folder-listing.ts';
import type { FolderRemovals } from '../services/folders/folder-removals.ts';
import type { FolderService } from '../services/folders/folders.ts';
import type { RateLimits } from '../services/limits/rate-limits.ts';
import type { UploadSlots } from '../services/limits/upload-slots.ts';
import type { FileChanges } from '../services/live/file-changes.ts';
import type { UploadProgressService } from '../services/live/upload-progress.ts';
import type { PreviewService } from '../services/processing/previews.ts';
import type { Quarantine } from '../services/scanning/quarantine.ts';
import type { ApiKeyService } from '../services/sessions/api-keys.ts';
import type { Authentication } from '../services/sessions/authentication.ts';
import type { SessionService } from '../services/sessions/sessions.ts';
import type { Sharing } from '../services/sharing/links/sharing.ts';
import type { GrantListing } from '../services/sharing/people/grant-listing.ts';
import type { GrantService } from '../services/sharing/people/grants.ts';
import type { HeldPermissions, Placed } from '../services/sharing/permissions/held-permissions.ts';
import type { UploadRequests } from '../services/sharing/requests/upload-requests.ts';
import type { DirectUploads } from '../services/uploads/direct-uploads.ts';
import type { UploadService } from '../services/uploads/uploads.ts';
import type { FileCopies } from '../services/versions/file-copies.ts';
import type { VersionReader } from '../services/versions/version-reader.ts';
import type { VersionUploads } from '../services/versions/version-uploads.ts';
import type { VersionService } from '../services/versions/versions.ts';
import type { ClientFacts, Viewer } from '../services/viewer.ts';
import type { WebhookPosts } from '../services/webhooks/webhook-posts.ts';
import type { WebhookService } from '../services/webhooks/webhooks.ts';

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
  readonly bulk: BulkFiles;
  readonly archives: ArchiveRequests;
  readonly listing: FileListing;
  readonly folders: FolderService;
  readonly folderListing: FolderListing;
  readonly folderRemovals: FolderRemovals;
  readonly fileMoves: FileMoves;
  readonly sharing: Sharing;
  readonly uploads: UploadService;
  readonly uploadRequests: UploadRequests;
  readonly directUploads: DirectUploads;
  readonly fileChanges: FileChanges;
  readonly uploadProgress: UploadProgressService;
  readonly previews: PreviewService;
  readonly versionReader: VersionReader;
  readonly versions: VersionService;
  readonly versionUploads: VersionUploads;
  readonly copies: FileCopies;
  readonly quarantine: Quarantine;
  readonly links: LinkService;
  /** What people may do with what is others’. */
  readonly access: HeldPermissions;
  readonly grants: GrantService;
  readonly grantListing: GrantListing;
  readonly webhooks: WebhookService;
  readonly webhookPosts: WebhookPosts;
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
    /** The earlier contents of a file, the newest first, whoever may see them. */
    readonly versions: DataLoader<string, FileVersion[]>;
    /** Folders that the viewer may see. */
    readonly folders: DataLoader<string, Folder | null>;
    /** The previews of a blob. */
    readonly previews: DataLoader<string, Pick<Preview, '_id' | 'pixels'>[]>;
    /** What grants give the viewer on a file or a folder. */
    readonly permissions: DataLoader<Placed, Permission | null>;
  };
  /** Aborts when the client goes away or the server gives up on the request. */
  readonly signal: AbortSignal;
  /** How many files the request brings. */
  readonly fileCount: number;
  /** Takes over a subscription that may run; absent where none can. */
  readonly subscribe?: (document: DocumentNode) => void;
}

/** The viewer of a field that needs one, or UNAUTHENTICATED. */
export function viewerOf(context: Context): Viewer {
  if (!context.viewer)
    throw new AppError('UNAUTHENTICATED', 'Log in first: send `Authorization: Bearer <accessToken>`.');
  return context.viewer;
}
