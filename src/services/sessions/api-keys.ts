import { newApiKey, parseApiKey } from '../../auth/api-keys.ts';
import { AppError } from '../../errors.ts';
import { type ApiKey, Scope } from '../../models/api-key.ts';
import { AuditAction } from '../../models/audit-event.ts';
import type { Collections } from '../../models/collections.ts';
import { isDuplicateKey, type ObjectId, parseId } from '../../models/object-id.ts';
import { Role } from '../../models/user.ts';
import type { AuditTrail } from '../audit/audit-trail.ts';
import type { Viewer } from '../viewer.ts';
import { withId } from '../with-id.ts';
import { checkedExpiry, checkedKeyName, checkedScopes } from './api-key-rules.ts';
import type { SessionCache } from './session-cache.ts';
import { USABLE } from './sessions.ts';

/** What a new key is made from, as a client sent it. */
export interface NewApiKey {
  readonly name: string;
  readonly scopes: readonly Scope[];
  /** Null or absent is never. */
  readonly expiresAt?: Date | null | undefined;
}

/** A key, and its secret for the only time. */
export interface IssuedApiKey {
  readonly key: string;
  readonly apiKey: ApiKey;
}

/** Told when a key has ended, to end what runs for it. */
export interface KeyEnds {
  endKey(userId: ObjectId, keyId: ObjectId): void;
}

/** The most keys of an account that work at a time. */
export const MOST_LIVE_KEYS = 100;
/** How many keys that ended are remembered, the latest ones. */
export const MOST_ENDED_KEYS = 100;
const USE_NOTED_EVERY_MS = 60_000;

/** API keys: how they are made, whom they speak for, and how they end. */
export class ApiKeyService {
  private readonly keys: Collections['apiKeys'];
  private readonly users: Collections['users'];
  private readonly sessions: Collections['sessions'];
  private readonly cache: SessionCache;
  private readonly audit: Pick<AuditTrail, 'record'>;
  private readonly ends: KeyEnds | null;

  /** The cache is the one of the sessions: what ends an account there ends its keys too. */
  constructor(parts: {
    collections: Pick<Collections, 'apiKeys' | 'users' | 'sessions'>;
    cache: SessionCache;
    audit: Pick<AuditTrail, 'record'>;
    ends?: KeyEnds;
  }) {
    this.keys = parts.collections.apiKeys;
    this.users = parts.collections.users;
    this.sessions = parts.collections.sessions;
    this.cache = parts.cache;
    this.audit = parts.audit;
    this.ends = parts.ends ?? null;
  }

  /** Makes a key; CONFLICT while the account has as many that work as it may, UNAUTHENTICATED once the session has ended. */
  async create(viewer: Viewer, input: NewApiKey): Promise<IssuedApiKey> {
    const facts = {
      name: checkedKeyName(input.name),
      scopes: checkedScopes(input.scopes),
      expiresAt: checkedExpiry(input.expiresAt ?? null),
    };
    await this.freeSlots(viewer.userId);
    const { text, prefix, tokenHash } = newApiKey();
    const made = await this.insert({ userId: viewer.userId, ...facts, prefix, tokenHash });
    // Asked after the key is there, whatever is remembered of the session: who ends first the sessions and then the keys
    // of an account ends one or the other.
    if (await this.sessions.exists({ _id: viewer.sessionId, revokedAt: { $ne: null } })) {
      await this.keys.deleteOne({ _id: made._id });
      throw new AppError('UNAUTHENTICATED', 'The session has ended: log in again.');
    }
    await this.audit.record({
      action: AuditAction.API_KEY_CREATED,
      by: viewer,
      target: made._id,
      details: { name: facts.name, prefix, scopes: facts.scopes.join(' ') },
    });
    return { key: text, apiKey: made };
  }

  /** The account’s keys, the newest first: all that work, and the latest that have ended. */
  async list(userId: ObjectId): Promise<ApiKey[]> {
    const keys = await this.keys.find({ userId }).sort({ _id: -1 }).hint('user_keys').lean();
    return keys.map(withId);
  }

  /** Ends a key of the viewer’s at once, and resolves with it; any other id is NOT_FOUND. */
  async revoke(viewer: Viewer, id: unknown): Promise<ApiKey> {
    const _id = parseId(id);
    if (!_id) throw notFound();
    const own = { _id, userId: viewer.userId };
    const revoked = await this.keys
      .findOneAndUpdate({ ...own, revokedAt: null }, revocation(), { returnDocument: 'after' })
      .select('+tokenHash')
      .lean();
    if (!revoked) return this.existing(own);
    this.cache.forgetKey(revoked.tokenHash);
    this.ends?.endKey(viewer.userId, _id);
    const details = { name: revoked.name, prefix: revoked.prefix };
    await this.audit.record({ action: AuditAction.API_KEY_REVOKED, by: viewer, target: _id, details });
    return shown(revoked);
  }

  /** Ends every key of the account at once; resolves with how many worked. */
  async revokeAll(userId: ObjectId): Promise<number> {
    const working = await this.keys.find(withSlot(userId)).hint('slots').lean();
    await this.keys.updateMany({ _id: { $in: working.map(({ _id }) => _id) } }, revocation());
    this.cache.forget(userId.toHexString());
    for (const { _id, name, prefix } of working) {
      this.ends?.endKey(userId, _id);
      const act = { action: AuditAction.API_KEY_REVOKED, subject: userId, target: _id };
      await this.audit.record({ ...act, details: { name, prefix } });
    }
    return working.length;
  }

  /** Who a key speaks for, while it works and its account is active; else UNAUTHENTICATED. */
  async authenticate(text: unknown): Promise<Viewer> {
    const key = parseApiKey(text);
    if (!key) throw refused();
    const viewer = await this.cache.get(key.tokenHash, () => this.findViewer(key.tokenHash));
    // It may have expired since it was looked at.
    if (!viewer?.key || (viewer.key.expiresAt && viewer.key.expiresAt <= new Date())) throw refused();
    return viewer;
  }

  /** Whether this key of the account’s still works: the addresses that it has made end with it. */
  async isLive(userId: ObjectId, keyId: ObjectId): Promise<boolean> {
    return (await this.keys.exists({ _id: keyId, userId, ...live() })) !== null;
  }

  private async findViewer(tokenHash: string): Promise<Viewer | null> {
    const key = await this.keys.findOne({ tokenHash, ...live() }).lean();
    const user =
      key && (await this.users.findOne({ _id: key.userId, ...USABLE }, { isEmailVerified: 1 }).lean());
    if (!key || !user) return null;
    this.noteUse(key);
    const { _id: id, scopes, expiresAt = null } = key;
    return {
      userId: user._id,
      sessionId: null,
      role: Role.USER,
      isEmailVerified: user.isEmailVerified,
      key: { id, scopes, expiresAt },
    };
  }

  /** Writes down that a key is used; nobody waits for it, and one that is lost is made up for a minute later. */
  private noteUse({ _id, lastUsedAt }: Pick<ApiKey, '_id' | 'lastUsedAt'>): void {
    const now = new Date();
    const due = new Date(now.getTime() - USE_NOTED_EVERY_MS);
    if (lastUsedAt && lastUsedAt > due) return;
    this.keys
      .updateOne(
        { _id, $or: [{ lastUsedAt: null }, { lastUsedAt: { $lte: due } }] },
        { $set: { lastUsedAt: now } },
        { timestamps: false },
      )
      .then(undefined, () => undefined);
  }

  /** Keeps the key under a number that no other working key of the account has; the unique index decides who gets it. */
  private async insert(
    key: Omit<ApiKey, '_id' | 'id' | 'slot' | 'createdAt' | 'updatedAt'>,
  ): Promise<ApiKey> {
    for (;;) {
      const free = await this.freeSlot(key.userId);
      if (free === null) throw tooMany();
      try {
        return shown((await this.keys.create({ ...key, slot: free })).toObject());
      } catch (error) {
        if (!isDuplicateKey(error)) throw error;
      }
    }
  }

  /** A number that no working key has, by chance, so that many who ask at once seldom want the same. */
  private async freeSlot(userId: ObjectId): Promise<number | null> {
    const used = await this.keys.find(withSlot(userId), { slot: 1 }).hint('slots').lean();
    const taken = new Set(used.map(({ slot }) => slot));
    const free = Array.from({ length: MOST_LIVE_KEYS }, (_, slot) => slot).filter((slot) => !taken.has(slot));
    return free[Math.floor(Math.random() * free.length)] ?? null;
  }

  /** Gives the numbers of expired keys back, and forgets ended keys beyond the latest ones. */
  private async freeSlots(userId: ObjectId): Promise<void> {
    const expired = { ...withSlot(userId), expiresAt: { $lte: new Date() } };
    await this.keys.updateMany(expired, { $unset: { slot: 1 } }, { hint: 'slots' });
    const all = await this.keys.find({ userId }, { slot: 1 }).sort({ _id: -1 }).hint('user_keys').lean();
    const ended = all.filter(({ slot }) => slot === undefined).slice(MOST_ENDED_KEYS);
    if (ended.length > 0) await this.keys.deleteMany({ _id: { $in: ended.map(({ _id }) => _id) } });
  }

  private async existing(own: Pick<ApiKey, '_id' | 'userId'>): Promise<ApiKey> {
    const key = await this.keys.findOne(own).lean();
    if (!key) throw notFound();
    return withId(key);
  }
}

const withSlot = (userId: ObjectId) => ({ userId, slot: { $exists: true } });
const revocation = () => ({ $set: { revokedAt: new Date() }, $unset: { slot: 1 as const } });

/** The key without its digest. */
function shown({ tokenHash: _, ...key }: Omit<ApiKey, 'id'>): ApiKey {
  return withId(key) as ApiKey;
}

/** What holds of a key that works. */
const live = () => ({ revokedAt: null, expiresAt: { $not: { $lte: new Date() } } });

const refused = () => new AppError('UNAUTHENTICATED', 'This API key does not work, or not any more.');
const notFound = () => new AppError('NOT_FOUND', 'There is no such API key.');
const tooMany = () =>
  new AppError('CONFLICT', `An account has at most ${MOST_LIVE_KEYS} API keys that work: revoke one.`);
