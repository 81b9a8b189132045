import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { FileChangeKind } from '../../../src/models/file-change.ts';
import { DeliveryStatus } from '../../../src/models/webhook-delivery.ts';
import type { Viewer } from '../../../src/services/viewer.ts';
import { MOST_WEBHOOKS } from '../../../src/services/webhooks/webhooks.ts';
import { EVENTS, WebhookNode } from '../../support/nodes/webhook-node.ts';
import { isSignedBy } from '../../support/webhook-receiver.ts';

let node: WebhookNode;
let viewer: Viewer;

beforeAll(async () => {
  node = await WebhookNode.start();
});
afterAll(() => node.stop());
beforeEach(async () => {
  viewer = await node.newViewer();
});
afterEach(() => node.clear());

describe('A webhook', () => {
  it('is told what it wants to hear, signed as the Standard Webhooks specification has it', async () => {
    const { webhook, secret } = await node.make(viewer, '/a');
    const file = await node.happened(FileChangeKind.CREATED, viewer);
    await node.happened(FileChangeKind.UPDATED, viewer);
    await node.deliver();
    const [message] = node.receiver.received;
    expect(node.receiver.received).toHaveLength(1);
    expect(JSON.parse(message?.body ?? '')).toMatchObject({
      type: 'file.created',
      data: { fileId: file.toHexString(), folderId: null },
    });
    expect(message && isSignedBy(secret, message)).toBe(true);
    expect(message && isSignedBy('whsec_AAAA', message)).toBe(false);
    const { nodes } = await node.posts.page(webhook._id, {});
    expect(nodes).toMatchObject([{ status: DeliveryStatus.DELIVERED, responseStatus: 204, tries: 1 }]);
    expect(message?.headers['webhook-id']).toBe(nodes[0]?.id);
  });

  it('is signed for by the new secret alone once it has one', async () => {
    const { webhook, secret } = await node.make(viewer, '/');
    const renewed = await node.webhooks.renewSecret(viewer, webhook.id);
    await node.posts.test(viewer, webhook.id);
    await node.deliver();
    const [message] = node.receiver.received;
    expect(message && [secret, renewed.secret].map((each) => isSignedBy(each, message))).toEqual([
      false,
      true,
    ]);
    expect(JSON.stringify(await node.webhooks.list(viewer))).not.toContain(renewed.secret.slice(6));
  });

  it('hears nothing of other accounts, nothing while it is switched off, and nothing once its account is shut out', async () => {
    const { webhook } = await node.make(viewer, '/');
    await node.happened(FileChangeKind.CREATED, await node.newViewer());
    await node.webhooks.update(viewer, webhook.id, { isActive: false });
    await node.happened(FileChangeKind.CREATED, viewer);
    await node.webhooks.update(viewer, webhook.id, { isActive: true });
    await node.happened(FileChangeKind.CREATED, viewer);
    await node.database.collections.users.updateOne({ _id: viewer.userId }, { $set: { isActive: false } });
    await node.deliver();
    expect(node.receiver.received).toEqual([]);
  });

  it('is nobody’s but its owner’s', async () => {
    const { webhook } = await node.make(viewer, '/');
    const delivery = await node.posts.test(viewer, webhook.id);
    const other = await node.newViewer();
    const tries = [
      () => node.webhooks.update(other, webhook.id, { isActive: false }),
      () => node.webhooks.renewSecret(other, webhook.id),
      () => node.webhooks.remove(other, webhook.id),
      () => node.webhooks.get(other, webhook.id),
      () => node.webhooks.remove(viewer, 'no id'),
      () => node.posts.test(other, webhook.id),
      () => node.posts.repeat(other, delivery.id),
      () => node.posts.repeat(viewer, '{"$ne":null}'),
    ];
    for (const tried of tries) await expect(tried()).rejects.toMatchObject({ code: 'NOT_FOUND' });
    expect(await node.webhooks.list(other)).toEqual([]);
  });

  it('is one of at most 20, however many are made at once', async () => {
    const made = await Promise.allSettled(Array.from({ length: 50 }, () => node.make(viewer, '/')));
    const refused = made.flatMap((each) => (each.status === 'rejected' ? [each.reason] : []));
    expect(refused.every((error) => error.code === 'CONFLICT')).toBe(true);
    expect((await node.webhooks.list(viewer)).length).toBeLessThanOrEqual(MOST_WEBHOOKS);
    await node.database.collections.webhooks.deleteMany({ userId: viewer.userId });
  });

  it.each([
    'ftp://example.org/',
    'file:///etc/passwd',
    'http://me:secret@example.org/',
    'https://x/#y',
    'x',
    '',
  ])('cannot have the address "%s"', async (url) => {
    await expect(node.webhooks.create(viewer, { url, events: EVENTS })).rejects.toMatchObject({
      code: 'BAD_USER_INPUT',
    });
  });
});

describe('A delivery that fails', () => {
  it('is tried again after ever longer times, and is given up with its webhook after the last', async () => {
    node.receiver.answers.set('/down', { status: 503 });
    const { webhook } = await node.make(viewer, '/down');
    await node.happened(FileChangeKind.CREATED, viewer);
    for (let i = 0; i < 6; i += 1) {
      await node.deliver({ waits: [1, 1] });
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    expect(node.receiver.received).toHaveLength(3);
    expect(new Set(node.receiver.received.map(({ headers }) => headers['webhook-id'])).size).toBe(1);
    const { nodes } = await node.posts.page(webhook._id, {});
    expect(nodes).toMatchObject([{ status: DeliveryStatus.FAILED, tries: 3, error: 'It answered 503.' }]);
    expect((await node.webhooks.get(viewer, webhook.id)).isActive).toBe(false);
  });

  it('keeps what else is due to its receiver waiting, and nobody else', async () => {
    node.receiver.answers.set('/down', { status: 500 });
    await node.make(viewer, '/down');
    for (let i = 0; i < 40; i += 1) await node.happened(FileChangeKind.CREATED, viewer);
    await node.make(viewer, '/up');
    await node.happened(FileChangeKind.TRASHED, viewer);
    await node.deliver();
    const paths = node.receiver.received.map(({ path }) => path);
    expect(paths.filter((path) => path === '/up')).toHaveLength(1);
    expect(paths.filter((path) => path === '/down').length).toBeLessThan(17);
  });

  it('with 410 ends the webhook at once', async () => {
    node.receiver.answers.set('/gone', { status: 410 });
    const { webhook } = await node.make(viewer, '/gone');
    await node.happened(FileChangeKind.CREATED, viewer);
    await node.deliver();
    expect((await node.webhooks.get(viewer, webhook.id)).isActive).toBe(false);
  });

  it('since the service stopped meanwhile is delivered by the next one', async () => {
    node.receiver.answers.set('/slow', null);
    await node.make(viewer, '/slow');
    await node.happened(FileChangeKind.CREATED, viewer);
    const stopping = new AbortController();
    const running = node.deliver({ signal: stopping.signal });
    await expect.poll(() => node.receiver.received.length).toBe(1);
    stopping.abort();
    await running;
    node.receiver.answers.clear();
    await node.deliver();
    expect(node.receiver.received.map(({ headers }) => headers['webhook-id'])).toHaveLength(2);
  });

  it('can be delivered once more by hand', async () => {
    node.receiver.answers.set('/once', { status: 410 });
    const { webhook } = await node.make(viewer, '/once');
    const { id } = await node.posts.test(viewer, webhook.id);
    await node.deliver();
    node.receiver.answers.clear();
    await node.posts.repeat(viewer, id);
    await node.deliver();
    expect((await node.posts.page(webhook._id, {})).nodes).toMatchObject([
      { id, status: DeliveryStatus.DELIVERED },
    ]);
  });
});
