import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { FileChangeKind } from '../../../src/models/file-change.ts';
import type { Viewer } from '../../../src/services/viewer.ts';
import { EVENTS, WebhookNode } from '../../support/nodes/webhook-node.ts';

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

describe('A private address', () => {
  const LOCAL = [
    'http://127.0.0.1:PORT/',
    'http://localhost:PORT/',
    'http://2130706433:PORT/',
    'http://0x7f.1:PORT/',
    'http://0.0.0.0:PORT/',
    'http://[::1]:PORT/',
    'http://[::ffff:127.0.0.1]:PORT/',
    'http://[64:ff9b::7f00:1]:PORT/',
    'http://10.0.0.1:PORT/',
    'http://169.254.169.254/latest/meta-data/',
    'http://100.64.0.1/',
    'http://[fd00::1]/',
    'http://[fe80::1]/',
  ];
  it.each(LOCAL)('is never reached: %s', async (form) => {
    const url = form.replace('PORT', new URL(node.receiver.origin).port);
    const { webhook } = await node.webhooks.create(viewer, { url, events: EVENTS });
    await node.happened(FileChangeKind.CREATED, viewer);
    await node.deliver({ allowPrivate: false });
    expect(node.receiver.received).toEqual([]);
    const { nodes } = await node.posts.page(webhook._id, {});
    expect(nodes[0]).toMatchObject({
      tries: 1,
      error: expect.stringMatching(/private or local|not be reached/),
    });
  });

  it('is not reached by a redirection either, nor is a weaker scheme or a fourth address', async () => {
    node.receiver.answers.set('/around', { status: 307, location: '/around' });
    node.receiver.answers.set('/file', { status: 308, location: 'file:///etc/passwd' });
    node.receiver.answers.set('/get', { status: 302, location: '/elsewhere' });
    node.receiver.answers.set('/further', { status: 307, location: '/there' });
    for (const path of ['/around', '/file', '/get', '/further']) await node.make(viewer, path);
    await node.happened(FileChangeKind.CREATED, viewer);
    await node.deliver();
    const counts = Map.groupBy(node.receiver.received, ({ path }) => path);
    expect(counts.get('/around')).toHaveLength(4);
    expect(counts.get('/elsewhere')).toBeUndefined();
    expect(counts.get('/there')).toHaveLength(1);
    const errors = (
      await node.database.collections.webhookDeliveries.find({ userId: viewer.userId }).lean()
    ).map(({ error }) => error);
    expect(errors.toSorted()).toEqual(
      [
        'It answered 302.',
        'It was redirected away from HTTPS.',
        'It was redirected too often.',
        null,
      ].toSorted(),
    );
  });
});
