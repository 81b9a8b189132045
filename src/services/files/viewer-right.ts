import type { Readable } from 'node:stream';
import type { AppError } from '../../errors.ts';
import type { StoredFile } from '../../models/file.ts';
import type { Permission } from '../../models/grant.ts';
import { may } from '../access.ts';
import type { AccountWatch } from '../accounts/account-watch.ts';
import type { AccessWatch } from '../sharing/permissions/access-watch.ts';
import type { HeldPermissions } from '../sharing/permissions/held-permissions.ts';
import { givenLess, type ManyPermissions } from '../sharing/permissions/many-permissions.ts';
import type { RunsFor } from '../viewer.ts';
import type { ArchivedFile, ArchiveRight } from './archives.ts';
import type { DownloadService } from './downloads.ts';
import { notFound } from './files.ts';

/** What an account’s right to contents is looked up and watched with. */
export interface ViewerRightParts {
  readonly permissions: Pick<ManyPermissions, 'parted'>;
  readonly access: Pick<HeldPermissions, 'may'>;
  readonly downloads: Pick<DownloadService, 'note' | 'count'>;
  readonly watch: Pick<AccountWatch, 'stream'>;
  readonly accessWatch: Pick<AccessWatch, 'stream'>;
}

/** The right of an account, or of somebody without one, to the contents of an archive. */
export class ViewerRight implements ArchiveRight {
  private readonly parts: ViewerRightParts;
  private readonly by: RunsFor | null;
  private readonly held: Permission | null | undefined;

  private readonly given = new WeakSet<ArchivedFile>();

  /** What is held on the folder, where the archive is of one: it holds for everything below. */
  constructor(parts: ViewerRightParts, by: RunsFor | null, held?: Permission | null) {
    this.parts = parts;
    this.by = by;
    this.held = held;
  }

  async allowed(files: readonly ArchivedFile[]): Promise<readonly ArchivedFile[]> {
    if (this.held !== undefined)
      return files.filter((file) => may(this.by, 'download', file, this.held ?? null));
    const { allowed, forbidden } = await this.parts.permissions.parted(this.by, 'download', files);
    for (const file of forbidden) this.given.add(file);
    return allowed;
  }

  refusal(file: ArchivedFile): AppError {
    return this.given.has(file) ? givenLess() : notFound();
  }

  stillAllowed(file: StoredFile): Promise<boolean> {
    return this.parts.access.may(this.by, 'download', file);
  }

  began(file: StoredFile, bytes: Readable): void {
    const { by } = this;
    this.parts.downloads.note({ by, file });
    // A count that fails must not fail the archive.
    this.parts.downloads.count(file).catch(() => undefined);
    if (!by || may(by, 'download', file)) return;
    const key = `archive ${by.userId.toHexString()} ${file._id.toHexString()}`;
    this.parts.accessWatch.stream(key, bytes, () => this.stillAllowed(file));
  }

  watch(whole: Readable): void {
    if (this.by) this.parts.watch.stream(this.by, whole);
  }
}
