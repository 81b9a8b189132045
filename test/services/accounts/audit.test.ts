import { pino } from 'pino';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { AuditAction, AuditOutcome } from '../../../src/models/audit-event.ts';
import { ObjectId } from '../../../src/models/object-id.ts';
import { removeEventsBefore } from '../../../src/services/audit/audit-retention.ts';
import { AuditTrail } from '../../../src/services/audit/audit-trail.ts';
import { withinRequest } from '../../../src/services/request-facts.ts';
import { accountServices, CLIENT, newAccount, PASSWORD } from '../../support/accounts.ts';
import { commandsOf } from '../../support/commands.ts';
import { openTestDatabase, type TestDatabase } from '../../support/database.ts';

let database: TestDatabase;
let node: ReturnType<typeof accountServices>;
const silent = new AbortController().signal;

beforeAll(async () => {
  database = await openTestDatabase();
  node = accountServices(database.collections);
});
afterAll(() => database.close());
beforeEach(() => database.collections.auditEvents.deleteMany({}));

const events = () => database.collections.auditEvents.find().sort({ _id: 1 }).lean();
const only = async () => {
  const all = await events();
  expect(all).toHaveLength(1);
  return all[0];
};
const refused = (work: Promise<unknown>) => work.catch(({ code }) => code);

describe('A trace is left by', () => {
  it('a registration, a login and a logout', async () => {
    const input = newAccount();
    const { user } = await node.accounts.register(input, CLIENT);
    const again = await node.accounts.login({ emailOrUsername: input.email, password: PASSWORD }, CLIENT);
    const viewer = await node.viewerOf(again);
    await node.accounts.logout(viewer);
    await node.accounts.logoutAll(viewer);
    const own = { actorId: user._id, subjectId: user._id, outcome: 'DONE' };
    expect(await events()).toMatchObject([
      { ...own, action: 'REGISTERED' },
      { ...own, action: 'LOGGED_IN', targetId: again.tokens.sessionId },
      { ...own, action: 'LOGGED_OUT', targetId: again.tokens.sessionId },
      { ...own, action: 'LOGGED_OUT', details: { sessions: 1 } },
    ]);
  });

  it('a failed login, of an account by its id, of everything else without the name that was given', async () => {
    const input = newAccount();
    const { user } = await node.accounts.register(input, CLIENT);
    await node.accounts.deactivate(user._id);
    await database.collections.auditEvents.deleteMany({});
    const tries = [
      [input.username, 'wrong password'],
      [input.username, PASSWORD],
      ['my secret password', 'x'.repeat(9)],
      [input.email, 'x'.repeat(201)],
    ] as const;
    for (const [emailOrUsername, password] of tries) {
      expect(await refused(node.accounts.login({ emailOrUsername, password }, CLIENT))).toBe(
        'UNAUTHENTICATED',
      );
    }
    const failed = { action: 'LOGIN_FAILED', outcome: 'REFUSED', actorId: null };
    expect(await events()).toMatchObject([
      { ...failed, subjectId: user._id, details: { reason: 'password' } },
      { ...failed, subjectId: user._id, details: { reason: 'inactive' } },
      { ...failed, subjectId: null, details: { reason: 'unknown' } },
      { ...failed, subjectId: null, details: { reason: 'unknown' } },
    ]);
    expect(JSON.stringify(await events())).not.toMatch(/password"?:|secret|xxxx|example\.org/);
  });

  it('a failed login in the same number of commands, whether the name is known or not', async () => {
    const input = newAccount();
    await node.accounts.register(input, CLIENT);
    const counts = [];
    for (const emailOrUsername of [input.username, 'nobody_at_all']) {
      const client = database.connection.getClient();
      let count = 0;
      const note = () => {
        count += 1;
      };
      client.on('commandStarted', note);
      await refused(node.accounts.login({ emailOrUsername, password: 'wrong password' }, CLIENT));
      client.off('commandStarted', note);
      counts.push(count);
    }
    expect(counts[0]).toBe(counts[1]);
    expect(counts[0]).toBeGreaterThan(1);
  });

  it('a session ended from another, and a refresh token that came again', async () => {
    const { user, tokens } = await node.accounts.register(newAccount(), CLIENT);
    const viewer = await node.sessions.authenticate(tokens.accessToken);
    const other = await node.sessions.create(user, CLIENT);
    await database.collections.auditEvents.deleteMany({});
    await node.sessions.revoke(viewer, other.sessionId.toHexString());
    await node.accounts.refresh(tokens.refreshToken);
    for (let i = 0; i < 3; i += 1) await refused(node.accounts.refresh(tokens.refreshToken));
    expect(await events()).toMatchObject([
      { action: 'SESSION_REVOKED', actorId: user._id, targetId: other.sessionId },
      {
        ...{ action: 'REFRESH_TOKEN_REUSED', outcome: 'REFUSED', actorId: null },
        ...{ subjectId: user._id, targetId: tokens.sessionId },
      },
    ]);
  });

  it('a password that was changed or not, and an account that was deleted or not', async () => {
    const { user, tokens } = await node.accounts.register(newAccount(), CLIENT);
    const viewer = await node.sessions.authenticate(tokens.accessToken);
    await database.collections.auditEvents.deleteMany({});
    await refused(node.accounts.changePassword(viewer, 'wrong one', 'another battery'));
    await node.accounts.changePassword(viewer, PASSWORD, 'another battery');
    await refused(node.accounts.deleteAccount(viewer, PASSWORD));
    await node.accounts.deleteAccount(viewer, 'another battery');
    expect((await events()).map(({ action, outcome }) => [action, outcome])).toEqual([
      ['PASSWORD_CHANGED', 'REFUSED'],
      ['PASSWORD_CHANGED', 'DONE'],
      ['ACCOUNT_DELETED', 'REFUSED'],
      ['ACCOUNT_DELETED', 'DONE'],
    ]);
    expect((await events()).every(({ actorId }) => actorId?.equals(user._id))).toBe(true);
  });

  it('an administrator made by hand, and one made again leaves none', async () => {
    const input = newAccount();
    const { user } = await node.accounts.register(input, CLIENT);
    await database.collections.auditEvents.deleteMany({});
    expect((await node.appointments.promote({ username: input.username })).role).toBe('ADMIN');
    await node.appointments.promote({ email: input.email });
    expect(await only()).toMatchObject({
      ...{ action: 'ROLE_CHANGED', actorId: null, subjectId: user._id, ip: null },
      details: { from: 'USER', to: 'ADMIN' },
    });
  });
});

describe('The trail', () => {
  const trail = () => new AuditTrail(database.collections.auditEvents, (error) => expect.fail(String(error)));

  it('knows where an act came from, and takes what a client said as text and nothing else', async () => {
    const userAgent = `evil\r\n{"level":60,"msg":"forged"}\u0000\u202e${'x'.repeat(400)}`;
    await withinRequest({ requestId: 'r-1', ip: '192.0.2.7', userAgent }, () =>
      trail().record({ action: AuditAction.LOGGED_IN, by: { userId: new ObjectId() } }),
    );
    const { ip, requestId, userAgent: stored } = (await only()) ?? {};
    expect([ip, requestId, stored]).toEqual(['192.0.2.7', 'r-1', userAgent.slice(0, 300)]);
  });

  it('writes many acts of a moment in few commands, each with the moment of the act', async () => {
    const audit = trail();
    const inserts = { count: 0 };
    const client = database.connection.getClient();
    const note = ({ commandName }: { commandName: string }) => {
      if (commandName === 'insert') inserts.count += 1;
    };
    client.on('commandStarted', note);
    await Promise.all(Array.from({ length: 200 }, () => audit.record({ action: AuditAction.FILE_DELETED })));
    client.off('commandStarted', note);
    expect(await events()).toHaveLength(200);
    expect(inserts.count).toBeLessThan(6);
    const [first] = await events();
    const seconds = Math.floor((first?.createdAt.getTime() ?? 0) / 1000);
    expect(Math.abs((first?._id.getTimestamp().getTime() ?? 0) / 1000 - seconds)).toBeLessThanOrEqual(1);
  });

  it('never fails the act that it notes, and one line of the log tells of what could not be noted', async () => {
    const lines: string[] = [];
    const log = pino({}, { write: (line: string) => void lines.push(line) });
    const broken = { collection: { insertMany: () => Promise.reject(new Error('down\nforged')) } };
    const audit = new AuditTrail(broken as never, (err, act) => log.error({ err, act }, 'not noted'));
    const details = { name: 'a\n{"level":60}' };
    await audit.record({ action: AuditAction.API_KEY_CREATED, outcome: AuditOutcome.DONE, details });
    expect(lines).toHaveLength(1);
    expect(lines[0]?.trimEnd()).not.toContain('\n');
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({ msg: 'not noted', act: { details } });
  });

  it('has no way to change an event', () => {
    const methods = Object.getOwnPropertyNames(AuditTrail.prototype);
    expect(methods).toEqual(['constructor', 'record']);
  });

  it('forgets what is older than it is to be kept, in batches, by the index of the ids', async () => {
    const moment = new Date(Date.UTC(2026, 0, 10));
    const idAt = (ms: number, i: number) =>
      new ObjectId(
        ObjectId.createFromTime(Math.floor(ms / 1000))
          .toHexString()
          .slice(0, 8) + `${i}`.padStart(16, '0'),
      );
    const rows = Array.from({ length: 2_500 }, (_, i) => ({
      _id: idAt(moment.getTime() - 1_000 * (i + 1), i),
    }));
    const kept = [0, 1].map((i) => ({ _id: idAt(moment.getTime() + i * 1000, i) }));
    await database.collections.auditEvents.collection.insertMany([...rows, ...kept] as never);
    let removed = 0;
    const commands = await commandsOf(database.connection, async () => {
      removed = await removeEventsBefore(database.collections.auditEvents, moment, silent);
    });
    expect(removed).toBe(2_500);
    expect(commands.filter((command) => 'delete' in command)).toHaveLength(3);
    expect((await events()).map(({ _id }) => _id)).toEqual(kept.map(({ _id }) => _id));
    expect(await removeEventsBefore(database.collections.auditEvents, moment, silent)).toBe(0);
    const stopped = AbortSignal.abort(new Error('stop'));
    await expect(removeEventsBefore(database.collections.auditEvents, moment, stopped)).rejects.toThrow(
      'stop',
    );
  });
});
