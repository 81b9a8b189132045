import mongoose from 'mongoose';
import sharp from 'sharp';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { BLUE, plain, RED, servedAvatar, setAvatar } from '../../support/avatars.ts';
import { type Account, gql, register } from '../../support/client.ts';
import { Inspector } from '../../support/leftovers.ts';
import { type RunningServer, startServer } from '../../support/server.ts';

let server: RunningServer;
let inspector: Inspector;
let ann: Account;

beforeAll(async () => {
  server = await startServer({ SWEEP_INTERVAL_SECONDS: '1' });
  inspector = await Inspector.of(server);
  ann = await register(server.origin);
});
afterAll(async () => {
  await inspector.close();
  await server.stop();
});
afterEach(async () => {
  // Whatever was sent, the process lives, and nothing of it lies about.
  expect((await gql<{ me: object }>(server.origin, '{ me { id } }', {}, ann.token)).data?.me).toBeTruthy();
  expect(await inspector.settled()).toEqual([]);
});

const avatars = () => inspector.connection.collection('avatars').countDocuments();
const set = (content: Buffer, account = ann) => setAvatar(server.origin, account, content);
const served = (content: Buffer, account = ann) => servedAvatar(server.origin, account, content);

/** The colour of one pixel. */
async function pixel(image: Buffer, left: number, top: number) {
  const [r, g, b] = await sharp(image).extract({ left, top, width: 1, height: 1 }).raw().toBuffer();
  return { r, g, b };
}

test('an image is turned upright, cut to a square, made small, and tells nothing of where it was taken', async () => {
  const left = await plain(600, 800).png().toBuffer();
  const picture = await plain(1200, 800, BLUE)
    .composite([{ input: left, left: 0, top: 0 }])
    .withExif({
      IFD0: { Make: 'Secret Camera', Orientation: '6' },
      IFD3: { GPSLatitudeRef: 'N', GPSLatitude: '51/1 30/1 0/1' },
    })
    .withMetadata({ orientation: 6 })
    .jpeg()
    .toBuffer();
  expect((await sharp(picture).metadata()).exif).toBeDefined();
  const { facts, bytes, answer } = await served(picture);
  expect([facts.format, facts.width, facts.height]).toEqual(['webp', 512, 512]);
  expect([facts.exif, facts.xmp, facts.iptc, facts.icc, facts.orientation]).toEqual(Array(5).fill(undefined));
  expect(bytes.includes('Secret Camera')).toBe(false);
  // Turned by a quarter, what was left is above.
  expect((await pixel(bytes, 256, 40)).r).toBeGreaterThan(200);
  expect((await pixel(bytes, 256, 470)).b).toBeGreaterThan(200);
  expect(answer.status).toBe(200);
});

test('a small image is not enlarged, a see-through one stays so, and each of the formats is taken', async () => {
  for (const format of ['png', 'jpeg', 'webp', 'gif', 'avif'] as const) {
    const { facts } = await served(await plain(60, 40).toFormat(format).toBuffer());
    expect([format, facts.format, facts.width, facts.height]).toEqual([format, 'webp', 40, 40]);
  }
  const clear = sharp({ create: { width: 9, height: 9, channels: 4, background: { ...RED, alpha: 0.5 } } });
  expect((await served(await clear.png().toBuffer())).facts.hasAlpha).toBe(true);
});

test('of an animation the first picture is taken', async () => {
  const frames = await Promise.all([plain(20, 20), plain(20, 20, BLUE)].map((each) => each.png().toBuffer()));
  const gif = await sharp(frames, { join: { animated: true } })
    .gif()
    .toBuffer();
  const { bytes, facts } = await served(gif);
  expect(facts.pages ?? 1).toBe(1);
  expect((await pixel(bytes, 10, 10)).r).toBeGreaterThan(200);
});

test('an image is served to everybody, for ever, as nothing but an image', async () => {
  const { url, answer, bytes } = await served(await plain(30, 30).png().toBuffer());
  expect(url).toMatch(new RegExp(`^${server.origin}/avatars/${ann.id}/[0-9a-f]{32}$`));
  expect(Object.fromEntries(answer.headers)).toMatchObject({
    'content-type': 'image/webp',
    'content-length': String(bytes.length),
    'content-disposition': 'inline',
    'cache-control': 'public, max-age=31536000, immutable',
    'x-content-type-options': 'nosniff',
    'content-security-policy': "sandbox; default-src 'none'",
    'cross-origin-resource-policy': 'cross-origin',
  });
  const etag = answer.headers.get('etag') ?? '';
  const again = await fetch(url, { headers: { 'if-none-match': etag } });
  expect([again.status, await again.text()]).toEqual([304, '']);
  const head = await fetch(url, { method: 'HEAD' });
  expect([head.status, head.headers.get('content-length')]).toEqual([200, String(bytes.length)]);
  const foreign = await register(server.origin);
  const seen = await gql<{ me: object }>(server.origin, '{ me { avatarUrl } }', {}, ann.token);
  expect(seen.data?.me).toEqual({ avatarUrl: url });
  for (const path of [
    `/avatars/${ann.id}/${'0'.repeat(32)}`,
    `/avatars/${ann.id}/..%2f..%2fx`,
    `/avatars/${foreign.id}/${url.slice(-32)}`,
    `/avatars/nobody/${url.slice(-32)}`,
  ]) {
    expect((await fetch(server.origin + path)).status).toBe(404);
  }
});

test('a new image has a new address, the old one is gone, and removing it leaves none', async () => {
  const bob = await register(server.origin);
  const none = await avatars();
  const first = await served(await plain(30, 30).png().toBuffer(), bob);
  const second = await served(await plain(30, 30).png().toBuffer(), bob);
  expect(second.url).not.toBe(first.url);
  expect([(await fetch(first.url)).status, (await fetch(second.url)).status]).toEqual([404, 200]);
  expect(await avatars()).toBe(none + 1);
  const removed = await gql<{ removeAvatar: object }>(
    server.origin,
    'mutation { removeAvatar { avatarUrl } }',
    {},
    bob.token,
  );
  expect(removed.data?.removeAvatar).toEqual({ avatarUrl: null });
  expect((await fetch(second.url)).status).toBe(404);
  expect(await avatars()).toBe(none);
});

test('images that are set at once leave one, and it is the one that is shown', async () => {
  const bob = await register(server.origin);
  const others = await avatars();
  const pictures = await Promise.all(
    [...Array(6)].map((_, i) =>
      plain(20 + i, 20 + i)
        .png()
        .toBuffer(),
    ),
  );
  const answers = await Promise.all(pictures.map((picture) => set(picture, bob)));
  for (const { errors } of answers) {
    expect(errors.every(({ extensions }) => extensions.code === 'RATE_LIMITED')).toBe(true);
  }
  const { data } = await gql<{ me: { avatarUrl: string } }>(
    server.origin,
    '{ me { avatarUrl } }',
    {},
    bob.token,
  );
  expect((await fetch(data?.me.avatarUrl ?? '')).status).toBe(200);
  expect(await avatars()).toBe(others + 1);
});

test('the image of an account goes out of sight with it: at once when deactivated, for good when deleted', async () => {
  const bob = await register(server.origin);
  const others = await avatars();
  const { url } = await served(await plain(30, 30).png().toBuffer(), bob);
  const users = inspector.connection.collection('users');
  const _id = new mongoose.Types.ObjectId(bob.id);
  await users.updateOne({ _id }, { $set: { isActive: false } });
  expect((await fetch(url)).status).toBe(404);
  await users.updateOne({ _id }, { $set: { isActive: true } });
  const deletion = `mutation { deleteAccount(password: "${bob.password}") }`;
  expect((await gql(server.origin, deletion, {}, bob.token)).data).toBeTruthy();
  expect((await fetch(url)).status).toBe(404);
  await expect.poll(avatars, { timeout: 10_000 }).toBe(others);
});
