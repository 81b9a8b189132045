import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Account, gql, register, upload } from '../../support/client.ts';
import { type RunningServer, startServer } from '../../support/server.ts';
import { isSignedBy, WebhookReceiver } from '../../support/webhook-receiver.ts';

const CREATE =
  'mutation ($input: CreateWebhookInput!) { createWebhook(input: $input) { secret webhook { id } } }';
const DELIVERIES =
  '{ webhooks { id isActive deliveries(first: 5) { nodes { id event status tries responseStatus error } } } }';
type Deliveries = { webhooks: { deliveries: { nodes: { id: string; error: string | null }[] } }[] };

let server: RunningServer;
let receiver: WebhookReceiver;
let ann: Account;

beforeAll(async () => {
  receiver = await WebhookReceiver.start();
  server = await startServer({ WEBHOOK_PRIVATE_ADDRESSES: 'allow' });
  ann = await register(server.origin);
});
afterAll(async () => {
  await server.stop();
  await receiver.stop();
});

const create = (input: object) =>
  gql<{ createWebhook: { secret: string; webhook: { id: string } } }>(
    server.origin,
    CREATE,
    { input },
    ann.token,
  );

it('A webhook is told of uploads, trashings and removals in turn, and its log says so', async () => {
  const url = `${receiver.origin}/hook`;
  const { data } = await create({ url, events: ['CREATED', 'TRASHED', 'PURGED'] });
  const secret = data?.createWebhook.secret ?? '';
  const file = (await upload(server.origin, ann.token, { content: 'told of' })).data?.uploadFile.id ?? '';
  for (const field of ['deleteFile', 'purgeFile']) {
    const selection = field === 'deleteFile' ? '{ id }' : '';
    await gql(
      server.origin,
      `mutation ($id: ID!) { ${field}(id: $id) ${selection} }`,
      { id: file },
      ann.token,
    );
  }
  await expect.poll(() => receiver.received.length, { timeout: 10_000 }).toBe(3);
  const types = receiver.received.map(({ body }) => JSON.parse(body));
  expect(types.map(({ type }) => type).toSorted()).toEqual(['file.created', 'file.purged', 'file.trashed']);
  expect(types.every(({ data: { fileId } }) => fileId === file)).toBe(true);
  expect(receiver.received.every((message) => isSignedBy(secret, message))).toBe(true);
  await expect
    .poll(
      async () =>
        (await gql<Deliveries>(server.origin, DELIVERIES, {}, ann.token)).data?.webhooks[0]?.deliveries.nodes,
    )
    .toMatchObject(Array.from({ length: 3 }, () => ({ status: 'DELIVERED', tries: 1, responseStatus: 204 })));
});

it('Without leave from whoever runs the service, no webhook reaches this machine', async () => {
  const careful = await startServer();
  try {
    const bob = await register(careful.origin);
    const input = { url: `${receiver.origin}/secret`, events: ['CREATED'] };
    await gql(careful.origin, CREATE, { input }, bob.token);
    await upload(careful.origin, bob.token, { content: 'told to nobody' });
    await expect
      .poll(
        async () =>
          (await gql<Deliveries>(careful.origin, DELIVERIES, {}, bob.token)).data?.webhooks[0]?.deliveries
            .nodes[0]?.error,
        { timeout: 10_000 },
      )
      .toBe('It leads to a private or local address.');
    expect(receiver.received.map(({ path }) => path)).not.toContain('/secret');
  } finally {
    await careful.stop();
  }
});
