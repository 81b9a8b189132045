import { randomBytes } from 'node:crypto';
import type { Readable } from 'node:stream';
import { WorkQueue } from '../../auth/work-queue.ts';
import { AppError } from '../../errors.ts';
import { avatarImage } from '../../images/avatar-image.ts';
import type { Avatar } from '../../models/avatar.ts';
import type { Collections } from '../../models/collections.ts';
import { type ObjectId, parseId } from '../../models/object-id.ts';
import type { User } from '../../models/user.ts';
import { USABLE } from '../sessions/sessions.ts';
import type { IncomingFile } from '../uploads/uploads.ts';
import type { Viewer } from '../viewer.ts';
import { withId } from '../with-id.ts';

/** An avatar as it is served. */
export type ServedAvatar = Pick<Avatar, 'image' | 'version' | 'createdAt'>;

/** The most bytes that an image may be sent with. */
export const MOST_AVATAR_BYTES = 10 * 1024 * 1024;

// What is read lies in memory: so many at most, each for so long at most.
const READ_AT_ONCE = 16;
const MOST_READ_MS = 120_000;
const DECODED_AT_ONCE = 1;
// In which an update is surely through or dead.
const AN_HOUR_MS = 3_600_000;
const VERSION = /^[0-9a-f]{32}$/;

/** The images of accounts: taken in, kept, handed out. */
export class AvatarService {
  private readonly users: Collections['users'];
  private readonly avatars: Collections['avatars'];
  private readonly baseUrl: () => string;
  private readonly reading = new Set<string>();
  private readonly decoding = new WorkQueue(DECODED_AT_ONCE, READ_AT_ONCE, 'reading images');

  constructor(collections: Pick<Collections, 'users' | 'avatars'>, baseUrl: () => string) {
    this.users = collections.users;
    this.avatars = collections.avatars;
    this.baseUrl = baseUrl;
  }

  /** Where the account’s image is, for an account that has one. */
  url({ _id, avatarVersion }: Pick<User, '_id' | 'avatarVersion'>): string {
    return `${this.baseUrl()}/avatars/${_id.toHexString()}/${avatarVersion}`;
  }

  /**
   * Replaces the viewer’s image and answers the account. PAYLOAD_TOO_LARGE beyond 10 MiB, RATE_LIMITED while the account
   * is sending another one or too many others are; for what is no image see `avatarImage`.
   */
  async update({ userId }: Viewer, file: IncomingFile, signal: AbortSignal): Promise<User> {
    const image = await this.read(userId, file, signal);
    const version = randomBytes(16).toString('hex');
    const unusedAfter = new Date(Date.now() + AN_HOUR_MS);
    // Whatever a crash leaves is marked: the sweep asks the account which of its images counts.
    await this.avatars.create({ userId, image, version, unusedAfter });
    await this.avatars.updateMany({ userId, version: { $ne: version } }, { $set: { unusedAfter } });
    const before = await this.users
      .findOneAndUpdate({ _id: userId, ...USABLE }, { $set: { avatarVersion: version } })
      .lean();
    if (!before) {
      await this.avatars.deleteOne({ userId, version });
      throw hasEnded();
    }
    if (before.avatarVersion) await this.avatars.deleteOne({ userId, version: before.avatarVersion });
    await this.avatars.updateOne({ userId, version }, { $unset: { unusedAfter: 1 } });
    return this.account(userId);
  }

  /** Removes the viewer’s image, if there is one, and answers the account. */
  async remove({ userId }: Viewer): Promise<User> {
    await this.avatars.updateMany({ userId }, { $set: { unusedAfter: new Date(Date.now() + AN_HOUR_MS) } });
    const before = await this.users
      .findOneAndUpdate({ _id: userId, ...USABLE }, { $unset: { avatarVersion: 1 } })
      .lean();
    if (!before) throw hasEnded();
    if (before.avatarVersion) await this.avatars.deleteOne({ userId, version: before.avatarVersion });
    return this.account(userId);
  }

  /** The image at this address; NOT_FOUND for any but the one that counts, and once the account is shut out or deleted. */
  async served(id: string, version: string): Promise<ServedAvatar> {
    const userId = parseId(id);
    const isNamed =
      userId && VERSION.test(version)
        ? await this.users.exists({ _id: userId, avatarVersion: version, ...USABLE })
        : null;
    const avatar =
      isNamed &&
      (await this.avatars.findOne({ userId, version }, { image: 1, version: 1, createdAt: 1 }).lean());
    if (!avatar) throw new AppError('NOT_FOUND', 'There is no such image.');
    // The driver gives binary data in a class of its own.
    return { ...avatar, image: Buffer.from((avatar.image as unknown as { buffer: Uint8Array }).buffer) };
  }

  private async read(userId: ObjectId, file: IncomingFile, signal: AbortSignal): Promise<Buffer> {
    const account = userId.toHexString();
    const { stream } = await file.open();
    if (this.reading.has(account) || this.reading.size >= READ_AT_ONCE) {
      stream.destroy();
      throw new AppError('RATE_LIMITED', 'An image is being read already: try again in a moment.', {
        retryAfter: 5,
      });
    }
    this.reading.add(account);
    try {
      const bytes = await readWhole(stream, AbortSignal.any([signal, AbortSignal.timeout(MOST_READ_MS)]));
      return await this.decoding.run(() => avatarImage(bytes));
    } finally {
      this.reading.delete(account);
    }
  }

  private async account(userId: ObjectId): Promise<User> {
    const user = await this.users.findOne({ _id: userId, ...USABLE }).lean();
    if (!user) throw hasEnded();
    return withId(user);
  }
}

/** All bytes of the stream; leaves it, and rejects with PAYLOAD_TOO_LARGE, as soon as there are too many. */
async function readWhole(stream: Readable, signal: AbortSignal): Promise<Buffer> {
  const tooSlow = () => stream.destroy(new AppError('BAD_USER_INPUT', 'The image came too slowly.'));
  if (signal.aborted) tooSlow();
  signal.addEventListener('abort', tooSlow, { once: true });
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > MOST_AVATAR_BYTES) {
        throw new AppError('PAYLOAD_TOO_LARGE', `An image may have at most ${MOST_AVATAR_BYTES} bytes.`);
      }
      chunks.push(chunk);
    }
    return Buffer.concat(chunks);
  } finally {
    signal.removeEventListener('abort', tooSlow);
  }
}

const hasEnded = () => new AppError('UNAUTHENTICATED', 'This account has ended.');
