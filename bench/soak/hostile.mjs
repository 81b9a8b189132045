import { randomBytes } from 'node:crypto';
import { serve } from '../lib/processes.mjs';
import { newContent } from './contents.mjs';
import { Account } from './honest-account.mjs';
import { ACCOUNTS } from './hostile-accounts.mjs';
import { GUESSES } from './hostile-guesses.mjs';
import { REQUESTS } from './hostile-requests.mjs';
import { SLOW } from './hostile-slow.mjs';
import { SOCKETS } from './hostile-sockets.mjs';
import { anyAddress, pause, whole } from './random.mjs';
import { guard } from './second-factor.mjs';
import { Tally } from './tally.mjs';

const KINDS = { ...SLOW, ...REQUESTS, ...GUESSES, ...ACCOUNTS, ...SOCKETS };
const RARE = { 'flood of fields': 90_000, 'flood of transfers': 90_000, 'over the file size': 10_000 };
const BAIT_BYTES = 8 * 1024 * 1024;
const REFRESH_MS = 300_000;
const WINDOW_MS = 900_000;

const tally = new Tally();
const scene = { forged: 0 };
let running = Promise.resolve();

/** The hostile clients: one of each kind at any time, which must end as the kind says and in no other way. */
serve(async ({ what, origin, minutes, honest }) => {
  if (what === 'open') {
    Object.assign(scene, { origin, honest });
    for (const role of ['victim', 'guarded', 'poor']) {
      scene[role] = new Account(origin, role + randomBytes(5).toString('hex'), tally, anyAddress());
      await scene[role].register();
    }
    await guard(scene.guarded);
    scene.bait = await layBait(scene.victim);
    return { poor: scene.poor.id };
  }
  if (what === 'start') {
    const began = Date.now();
    scene.until = began + minutes * 60_000;
    scene.windows = () => 1 + Math.ceil((Date.now() - began) / WINDOW_MS);
    running = Promise.all([...Object.entries(KINDS).map(([kind, how]) => repeat(kind, how)), refreshing()]);
    return null;
  }
  if (what === 'end') {
    scene.until = 0;
    await running;
    for (const role of ['victim', 'guarded', 'poor']) scene[role].client.close();
  }
  return tally.counts;
});

/** A file that is fetched by a signed URL of a week. */
async function layBait(victim) {
  const query =
    'mutation ($file: Upload!) { uploadFile(file: $file) { id downloadUrl(expiresInSeconds: 600000) } }';
  const answer = await victim.client.upload(query, { content: newContent(BAIT_BYTES), token: victim.token });
  const { id, downloadUrl } = victim.noted('bait', answer).uploadFile;
  const { pathname, search } = new URL(downloadUrl);
  return { id, path: pathname + search, size: BAIT_BYTES };
}

async function repeat(kind, { run, expected }) {
  while (Date.now() < scene.until) {
    try {
      tally.note(kind, await run(scene), expected);
    } catch (error) {
      tally.fault(`${kind}: ${error.stack}`);
    }
    await pause(RARE[kind] ?? whole(200, 2500), scene.until);
  }
}

async function refreshing() {
  while (Date.now() < scene.until) {
    await pause(REFRESH_MS, scene.until);
    await scene.victim.refresh();
    await scene.poor.refresh();
  }
}
