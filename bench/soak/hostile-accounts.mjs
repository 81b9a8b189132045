import { randomBytes } from 'node:crypto';
import { newContent } from './contents.mjs';
import { asSomebody } from './hostile-requests.mjs';
import { blackPng } from './pixel-bomb.mjs';
import { oneOf, whole } from './random.mjs';

const UPLOAD = 'mutation ($file: Upload!) { uploadFile(file: $file) { id } }';
const AVATAR = 'mutation ($file: Upload!) { updateAvatar(file: $file) { id } }';

const send = (scene, who, content, rest = {}) =>
  asSomebody(
    scene,
    async (client) =>
      (await client.upload(rest.query ?? UPLOAD, { content, token: who.token, ...rest })).outcome,
  );

const overQuota = (scene) => send(scene, scene.poor, newContent(whole(1.2e6, 4e6)));
const tooLarge = (scene) => send(scene, scene.victim, newContent(66 * 1024 * 1024));

const wrongHash = (scene) =>
  send(scene, scene.victim, newContent(whole(1, 300_000)), {
    query:
      'mutation ($file: Upload!, $input: UploadFileInput) { uploadFile(file: $file, input: $input) { id } }',
    input: { sha256: randomBytes(32).toString('hex') },
  });

const BOMB = blackPng(20_000, 20_000);

function avatar(scene) {
  const svg = '<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>';
  const bytes = oneOf([
    BOMB,
    Buffer.from(svg),
    blackPng(100, 100).subarray(0, 40),
    randomBytes(5000),
    Buffer.alloc(0),
  ]);
  return send(scene, scene.victim, null, { query: AVATAR, bytes, name: 'me.png', type: 'image/png' });
}

async function ticket(scene) {
  const create = 'mutation ($i: CreateUploadInput!) { createUpload(input: $i) { id parts { url } } }';
  return asSomebody(scene, async (client) => {
    const input = { originalName: 'left.bin', fileSize: 200_000 };
    const made = await client.ask(create, { i: input }, scene.victim.token);
    if (made.outcome !== 'ok') return made.outcome;
    const { id, parts } = made.data.createUpload;
    const { pathname, search } = new URL(parts[0].url);
    const sent = client.open(pathname + search, { method: 'PUT', headers: { 'content-length': 200_000 } });
    sent.on('error', () => {});
    sent.write(randomBytes(100_000));
    await new Promise((resolve) => setTimeout(resolve, 50));
    sent.destroy();
    const after = oneOf(['nothing', 'complete', 'cancel']);
    if (after === 'nothing') return 'left';
    const end = after === 'complete' ? 'completeUpload(id: $id) { id }' : 'cancelUpload(id: $id)';
    const { outcome } = await client.ask(`mutation ($id: ID!) { ${end} }`, { id }, scene.victim.token);
    return outcome === 'ok' && after === 'cancel' ? 'left' : outcome;
  });
}

/** What an account of one's own is misused for. */
export const ACCOUNTS = {
  'over the quota': { run: overQuota, expected: ['QUOTA_EXCEEDED'] },
  // What is sent beyond the limit is read for so long only: a client that does not look up from sending is cut.
  'over the file size': { run: tooLarge, expected: ['PAYLOAD_TOO_LARGE', 'QUOTA_EXCEEDED', 'cut'] },
  'wrong hash': { run: wrongHash, expected: ['HASH_MISMATCH'] },
  'hostile avatar': {
    run: avatar,
    expected: ['BAD_USER_INPUT', 'UNSUPPORTED_MEDIA_TYPE', 'PAYLOAD_TOO_LARGE'],
  },
  'abandoned ticket': { run: ticket, expected: ['left', 'BAD_USER_INPUT', 'RATE_LIMITED'] },
};
