import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { AuditAction } from '../../../src/models/audit-event.ts';
import { ObjectId } from '../../../src/models/object-id.ts';
import { Role } from '../../../src/models/user.ts';
import { ADMINISTERS } from '../../../src/services/admin/administrators.ts';
import type { Viewer } from '../../../src/services/viewer.ts';
import { PASSWORD } from '../../support/accounts.ts';
import { pause } from '../../support/client.ts';
import { openTestDatabase, type TestDatabase } from '../../support/database.ts';
import { type AdminNode, adminNode } from '../../support/nodes/admin-node.ts';

let database: TestDatabase;
let node: AdminNode;
let admin: Viewer;

beforeAll(async () => {
  database = await openTestDatabase();
  node = adminNode(database);
});
afterAll(() => database.close());
beforeEach(async () => {
  await database.collections.users.deleteMany({});
  admin = await node.member(Role.ADMIN);
});

const idOf = ({ userId }: Viewer) => userId.toHexString();
const administrators = () => database.collections.users.countDocuments(ADMINISTERS);
const lastEvent = () => database.collections.auditEvents.findOne().sort({ _id: -1 }).lean();

describe('An administrator', () => {
  it('shuts an account out, which ends its sessions, and lets it in again', async () => {
    const ann = await node.member();
    const { tokens } = {
      tokens: await node.sessions.create({ _id: ann.userId }, { ip: null, userAgent: null }),
    };
    expect((await node.administration.setActive(admin, idOf(ann), false)).isActive).toBe(false);
    await expect(node.sessions.authenticate(tokens.accessToken)).rejects.toMatchObject({
      code: 'UNAUTHENTICATED',
    });
    await expect(node.sessions.refresh(tokens.refreshToken)).rejects.toMatchObject({
      code: 'UNAUTHENTICATED',
    });
    expect(await lastEvent()).toMatchObject({
      action: AuditAction.ACCOUNT_DEACTIVATED,
      actorId: admin.userId,
      subjectId: ann.userId,
    });

    expect((await node.administration.setActive(admin, idOf(ann), true)).isActive).toBe(true);
    expect(await lastEvent()).toMatchObject({ action: AuditAction.ACCOUNT_ACTIVATED });
  });

  it('makes another administrator, and takes the role back at once', async () => {
    const ann = await node.member();
    const { accessToken } = await node.sessions.create({ _id: ann.userId }, { ip: null, userAgent: null });
    expect((await node.sessions.authenticate(accessToken)).role).toBe(Role.USER);
    await node.administration.setRole(admin, idOf(ann), Role.ADMIN);
    expect((await node.sessions.authenticate(accessToken)).role).toBe(Role.ADMIN);
    expect(await lastEvent()).toMatchObject({
      action: AuditAction.ROLE_CHANGED,
      details: { from: 'USER', to: 'ADMIN' },
    });
    await node.administration.setRole(admin, idOf(ann), Role.USER);
    expect((await node.sessions.authenticate(accessToken)).role).toBe(Role.USER);
  });

  it('sets a quota, also one below what is used, or none, but never a negative one', async () => {
    const ann = await node.member();
    await database.collections.users.updateOne({ _id: ann.userId }, { $set: { usedBytes: 500 } });
    expect((await node.administration.setQuota(admin, idOf(ann), 100)).quotaBytes).toBe(100);
    expect(await lastEvent()).toMatchObject({
      action: AuditAction.QUOTA_CHANGED,
      details: { from: 1_000_000, to: 100 },
    });
    expect((await node.administration.setQuota(admin, idOf(ann), null)).quotaBytes).toBeNull();
    for (const wrong of [-1, 0.5, Number.NaN]) {
      await expect(node.administration.setQuota(admin, idOf(ann), wrong)).rejects.toMatchObject({
        code: 'BAD_USER_INPUT',
      });
    }
  });

  it('that changes nothing leaves no trace', async () => {
    const ann = await node.member();
    const before = await database.collections.auditEvents.countDocuments();
    await node.administration.setActive(admin, idOf(ann), true);
    await node.administration.setRole(admin, idOf(ann), Role.USER);
    await node.administration.setQuota(admin, idOf(ann), 1_000_000);
    expect(await database.collections.auditEvents.countDocuments()).toBe(before);
  });

  it('finds neither an account that its owner deleted nor one that never was', async () => {
    const ann = await node.member();
    await node.accounts.deleteAccount(ann, PASSWORD);
    for (const id of [idOf(ann), new ObjectId().toHexString(), 'x', '']) {
      expect(await node.administration.find(id)).toBeNull();
      await expect(node.administration.setActive(admin, id, true)).rejects.toMatchObject({
        code: 'NOT_FOUND',
      });
    }
  });
});

describe('The last administrator', () => {
  it('can’t be demoted, deactivated, or delete its own account', async () => {
    const idle = await node.member(Role.ADMIN);
    await node.administration.setActive(admin, idOf(idle), false);
    const refusal = { code: 'CONFLICT', message: expect.stringContaining('last administrator') };
    await expect(node.administration.setRole(admin, idOf(admin), Role.USER)).rejects.toMatchObject(refusal);
    await expect(node.administration.setActive(admin, idOf(admin), false)).rejects.toMatchObject(refusal);
    await expect(node.accounts.deleteAccount(admin, PASSWORD)).rejects.toMatchObject(refusal);
    expect(await administrators()).toBe(1);
  });

  it('may go once there is another', async () => {
    const next = await node.member(Role.ADMIN);
    await node.accounts.deleteAccount(admin, PASSWORD);
    expect(await administrators()).toBe(1);
    await expect(node.accounts.deleteAccount(next, PASSWORD)).rejects.toMatchObject({ code: 'CONFLICT' });
  });

  it('stays when two demote each other fifty times at once, from two nodes', async () => {
    const other = await node.member(Role.ADMIN);
    const second = adminNode(database);
    const tries = Array.from({ length: 50 }, (_, i) => {
      const { administration } = i % 2 ? node : second;
      return i % 4 < 2
        ? administration.setRole(admin, idOf(other), Role.USER)
        : administration.setRole(other, idOf(admin), Role.USER);
    });
    const ends = await Promise.allSettled(tries);
    expect(await administrators()).toBe(1);
    expect(ends.some(({ status }) => status === 'fulfilled')).toBe(true);
    const reasons = ends.flatMap((end) => (end.status === 'rejected' ? [end.reason.code] : []));
    expect(reasons.every((code) => code === 'CONFLICT' || code === 'FORBIDDEN')).toBe(true);
    expect(reasons.length).toBeGreaterThan(0);
  });

  it('is looked for and taken away in one go, by one node at a time', async () => {
    const other = await node.member(Role.ADMIN);
    const second = adminNode(database);
    const leave = (from: AdminNode, without: Viewer, by: Viewer) =>
      from.administrators.withOneLeft({ without: without.userId, by: by.userId }, async () => {
        await pause(300);
        await database.collections.users.updateOne({ _id: without.userId }, { $set: { role: Role.USER } });
      });
    const ends = await Promise.allSettled([leave(node, other, admin), leave(second, admin, other)]);
    expect(ends.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    expect(await administrators()).toBe(1);
  });

  it('stays when everyone leaves at once, whichever way', async () => {
    const others = await Promise.all(Array.from({ length: 4 }, () => node.member(Role.ADMIN)));
    const all = [admin, ...others];
    const second = adminNode(database);
    await Promise.allSettled(
      all.map((each, i) => {
        const from = i % 2 ? node : second;
        if (i === 0) return from.accounts.deleteAccount(each, PASSWORD);
        if (i === 1) return from.administration.setActive(each, idOf(each), false);
        return from.administration.setRole(each, idOf(each), Role.USER);
      }),
    );
    expect(await administrators()).toBe(1);
  });

  it('is counted without those that were demoted while their own request was under way', async () => {
    const [first, second] = [await node.member(Role.ADMIN), await node.member(Role.ADMIN)];
    await node.administration.setRole(admin, idOf(first), Role.USER);
    await expect(node.administration.setRole(first, idOf(second), Role.USER)).rejects.toMatchObject({
      code: 'FORBIDDEN',
    });
    expect(await administrators()).toBe(2);
  });
});
