import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { MailFailure } from '../../../src/mail/mail.ts';
import { ObjectId } from '../../../src/models/object-id.ts';
import { MailedTokenUse } from '../../../src/models/outbox-mail.ts';
import { openTestDatabase, type TestDatabase } from '../../support/database.ts';
import { mailNode, passTime, posting } from '../../support/nodes/mail-node.ts';

let database: TestDatabase;
let node: ReturnType<typeof mailNode>;

beforeAll(async () => {
  database = await openTestDatabase();
});
afterAll(() => database.close());
beforeEach(async () => {
  await database.collections.outbox.deleteMany({});
  await database.collections.users.deleteMany({});
  node = mailNode(database.collections);
});

const stored = () => database.collections.outbox.find().sort({ _id: 1 }).lean();
const inSeconds = (date: Date | undefined) => ((date?.getTime() ?? Number.NaN) - Date.now()) / 1000;
const down = async () => {
  throw new MailFailure('The mail server could not be used.', { isRefusal: false });
};

test('a mail is stored before anything is sent, whoever looks next is woken, and it is gone once it was taken', async () => {
  await node.outbox.post(posting('ann@example.org'));
  expect(node.sender.sent).toEqual([]);
  expect(node.woken.count).toBe(1);
  expect(await stored()).toHaveLength(1);
  expect(await node.outbox.waiting()).toBe(1);
  expect(await node.run()).toBe(1);
  expect(node.sender.sent).toMatchObject([{ to: 'ann@example.org', subject: 'To ann@example.org' }]);
  expect(node.outcomes).toEqual(['sent']);
  expect(await stored()).toEqual([]);
  expect(await node.run()).toBe(0);
});

test('what a mail says can’t be read in the database, and only who has the secret can send it', async () => {
  await node.outbox.post(posting('ann@example.org'));
  expect(JSON.stringify(await stored())).not.toContain('words of the letter');
  const stranger = mailNode(database.collections, { secrets: ['other'] });
  expect((await stranger.outbox.newest()).map(({ letter }) => letter)).toEqual([null]);
  const next = mailNode(database.collections, { secrets: ['next', 'secret of the tests'] });
  await next.run();
  expect(next.sender.sent[0]?.text).toContain('words of the letter');
});

test('a mail that fails waits longer each time, up to ten minutes, and arrives when the server is back', async () => {
  await node.outbox.post(posting('ann@example.org'));
  node.sender.act = down;
  const waits: number[] = [];
  for (let tries = 1; tries <= 10; tries += 1) {
    await node.run();
    const [mail] = await stored();
    expect(mail?.tries).toBe(tries);
    waits.push(inSeconds(mail?.dueAt));
    expect(await node.run(), 'not before its time').toBe(0);
    await passTime(database.collections);
  }
  expect(waits[0]).toBeLessThan(8);
  expect(waits[4]).toBeGreaterThan(60);
  expect(Math.max(...waits)).toBeLessThan(721);
  expect(waits[9]).toBeGreaterThan(478);
  expect(node.failures).toHaveLength(10);
  node.sender.act = async () => {};
  await node.run();
  expect(node.sender.sent).toHaveLength(1);
});

test('a server that refuses a mail is in the end asked once an hour at the most', async () => {
  await node.outbox.post(posting('ann@example.org'));
  node.sender.act = async () => {
    throw new MailFailure('refused', { isRefusal: true });
  };
  await database.collections.outbox.updateMany({}, { $set: { tries: 30 } });
  await node.run();
  const [mail] = await stored();
  expect(inSeconds(mail?.dueAt)).toBeGreaterThan(2_800);
  expect(inSeconds(mail?.dueAt)).toBeLessThan(4_321);
});

test('a mail whose time is over is dropped unsent, and told of', async () => {
  await node.outbox.post(posting('ann@example.org', { uselessAfter: new Date(Date.now() - 1) }));
  expect(await node.run()).toBe(1);
  expect(node.outcomes).toEqual(['useless']);
  expect(node.sender.sent).toEqual([]);
  expect(await stored()).toEqual([]);
});

test('without a mail server mails wait until they are of no use', async () => {
  const idle = mailNode(database.collections, { sender: null });
  await idle.outbox.post(posting('ann@example.org'));
  await idle.outbox.post(posting('bob@example.org', { uselessAfter: new Date(Date.now() - 1) }));
  expect(await idle.run()).toBe(1);
  expect((await stored()).map(({ to }) => to)).toEqual(['ann@example.org']);
});

test('of 40 mails and four nodes that send at once each mail goes out once', async () => {
  for (let i = 0; i < 40; i += 1) await node.outbox.post(posting(`user${i}@example.org`));
  const nodes = Array.from({ length: 4 }, () => mailNode(database.collections));
  for (const { sender } of nodes) sender.act = () => new Promise((resolve) => setTimeout(resolve, 5));
  await Promise.all(nodes.map(({ run }) => run()));
  const sent = nodes.flatMap(({ sender }) => sender.sent.map(({ to }) => to));
  expect(sent.toSorted()).toEqual(Array.from({ length: 40 }, (_, i) => `user${i}@example.org`).toSorted());
  expect(nodes.filter(({ sender }) => sender.sent.length > 0).length).toBeGreaterThan(1);
});

test('a mail that one node is sending is no other’s, and is again when that node died over it', async () => {
  await node.outbox.post(posting('ann@example.org'));
  node.sender.act = () => new Promise(() => {});
  void node.run();
  await expect.poll(async () => inSeconds((await stored())[0]?.dueAt)).toBeGreaterThan(120);
  const other = mailNode(database.collections);
  expect(await other.run()).toBe(0);
  await passTime(database.collections);
  expect(await other.run()).toBe(1);
  expect(other.sender.sent).toHaveLength(1);
});

const STEPS = ['claim', 'send', 'forget'] as const;

test.each(
  STEPS.flatMap((step) => [
    { step, when: 'before' as const },
    { step, when: 'after' as const },
  ]),
)(
  'a node that dies right $when the step "$step" loses no mail, and sends it twice at the worst',
  async ({ step, when }) => {
    await node.outbox.post(posting('ann@example.org'));
    const dying = mailNode(database.collections);
    const life = { isOver: false };
    for (const name of ['claim', 'forget', 'putBack'])
      mortalStep(dying.outbox, name, life, step === name ? when : null);
    mortalStep(dying.sender, 'send', life, step === 'send' ? when : null);
    await expect(dying.run()).rejects.toThrow('dead');
    expect(life.isOver).toBe(true);
    const { sender } = dying;

    await passTime(database.collections);
    await node.run();
    const count = sender.sent.length + node.sender.sent.length;
    expect(count).toBeGreaterThanOrEqual(1);
    expect(count).toBeLessThanOrEqual(2);
    const ids = new Set([...sender.sent, ...node.sender.sent].map(({ id }) => id));
    expect(ids.size, 'both are known as one mail').toBe(1);
    expect(await stored()).toEqual([]);
  },
);

/** Makes a method one of a process’s steps, of which none happens any more once it has died; at this one it dies. */
function mortalStep(
  target: object,
  name: string,
  life: { isOver: boolean },
  dies: 'before' | 'after' | null,
): void {
  const method = (Reflect.get(target, name) as (...given: unknown[]) => Promise<unknown>).bind(target);
  Reflect.set(target, name, async (...given: unknown[]) => {
    if (dies === 'before') life.isOver = true;
    if (life.isOver) throw new Error('dead');
    const result = await method(...given);
    // A claim that found nothing is not the step that the test is about.
    if (dies === 'after' && result !== null) life.isOver = true;
    if (life.isOver) throw new Error('dead');
    return result;
  });
}

test('a stop lets a mail that is being sent finish, begins no other, and gives back at once what it cut short', async () => {
  await node.outbox.post(posting('quick@example.org'));
  const stopping = new AbortController();
  let letGo = () => {};
  node.sender.act = () =>
    new Promise((resolve) => {
      letGo = resolve;
    });
  const running = node.outbox.run(stopping.signal);
  await expect.poll(async () => inSeconds((await stored())[0]?.dueAt)).toBeGreaterThan(1);
  stopping.abort(new Error('stop'));
  await node.outbox.post(posting('late@example.org'));
  letGo();
  await running;
  expect(node.sender.sent.map(({ to }) => to)).toEqual(['quick@example.org']);
  expect((await stored()).map(({ to, tries }) => [to, tries])).toEqual([['late@example.org', 0]]);
});

test('a mail that hangs while the service stops is cut, and due again at once without a failure against it', async () => {
  await node.outbox.post(posting('ann@example.org'));
  const stopping = new AbortController();
  node.sender.act = (_mail, signal) =>
    new Promise((_resolve, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason));
    });
  const running = node.outbox.run(stopping.signal);
  await expect.poll(async () => inSeconds((await stored())[0]?.dueAt)).toBeGreaterThan(1);
  stopping.abort(new Error('stop'));
  await running;
  const [mail] = await stored();
  expect(mail?.tries).toBe(0);
  expect(inSeconds(mail?.dueAt)).toBeLessThanOrEqual(0);
});

test('a token’s mail goes out only while its account is usable, has that address, and holds that token', async () => {
  const { users } = database.collections;
  const hash = 'a'.repeat(64);
  const cases: [string, object, number][] = [
    ['as posted', {}, 1],
    ['replaced', { emailVerificationToken: 'b'.repeat(64) }, 0],
    ['used', { emailVerificationToken: undefined }, 0],
    ['deactivated', { isActive: false }, 0],
    ['deleted', { deletedAt: new Date() }, 0],
    ['moved', { email: 'elsewhere@example.org' }, 0],
  ];
  for (const [name, changes, expected] of cases) {
    const _id = new ObjectId();
    const email = `${_id.toHexString()}@example.org`;
    const account = { _id, username: `u${_id}`, email, isActive: true, emailVerificationToken: hash };
    await users.collection.insertOne({ ...account, ...changes } as never, { ignoreUndefined: true });
    const token = { use: MailedTokenUse.VERIFICATION, hash };
    await node.outbox.post(posting(email, { userId: _id, token }));
    node.sender.sent.length = 0;
    await node.run();
    expect(node.sender.sent.length, name).toBe(expected);
    expect(await stored(), name).toEqual([]);
  }
});

test('the mailbox keeps the newest 50 mails, shows the newest first, and does not send them again', async () => {
  node.sender.keeps = true;
  for (let i = 0; i < 55; i += 1) {
    await node.outbox.post(posting(`user${i}@example.org`));
    await node.run();
  }
  expect(await node.run()).toBe(0);
  const kept = await node.outbox.newest();
  expect(kept.map(({ to }) => to)).toEqual(Array.from({ length: 50 }, (_, i) => `user${54 - i}@example.org`));
  expect(kept[0]?.letter?.text).toContain('words of the letter');
  expect(await stored()).toHaveLength(50);
  expect(await node.outbox.waiting()).toBe(0);
});

test('closing closes the sender', () => {
  node.outbox.close();
  expect(node.sender.isClosed).toBe(true);
});
