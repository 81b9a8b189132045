import { execFile } from 'node:child_process';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { MongoClient } from 'mongodb';
import { look } from './samples.mjs';

const CLI = fileURLToPath(new URL('../../dist/cli/imaginary.js', import.meta.url));
const PATIENCE_MS = 240_000;
// The connections that the looks themselves keep.
const OWN = 8;

/** Gives an account a quota. */
export async function setQuota(uri, userId, quotaBytes) {
  await withDatabase(uri, (db) =>
    db
      .collection('users')
      .updateOne({ $expr: { $eq: [{ $toString: '$_id' }, userId] } }, { $set: { quotaBytes } }),
  );
}

/** Waits until nothing is left of what was under way; resolves with how long that took and what is left after all. */
export async function settle(server, enginePid, start) {
  const began = Date.now();
  const seen = [];
  for (;;) {
    const now = await look(server, enginePid);
    const left = [...(await leftovers(server.database)), ...stillHeld(now, start)];
    const seconds = Math.round((Date.now() - began) / 1000);
    if (left.join() !== seen.at(-1)?.left.join()) seen.push({ seconds, left });
    if (left.length === 0 || Date.now() - began > PATIENCE_MS) return { seconds, left, now, seen };
    await delay(2000);
  }
}

function stillHeld(now, start) {
  const left = [];
  for (const name of ['connections', 'files']) {
    if (now[name] > start[name] + OWN) left.push(`${name}: ${now[name]}, ${start[name]} at the start`);
  }
  for (const name of ['spill', 'incoming', 'uploads', 'websockets']) {
    if (now[name] > 0) left.push(`${name}: ${now[name]}`);
  }
  return left;
}

/** What in the database only belongs to something that is under way, or does not add up. */
function leftovers(uri) {
  return withDatabase(uri, async (db) => {
    const left = [];
    const unfinished = await db.collection('files').countDocuments({ uploadStatus: { $ne: 'COMPLETED' } });
    if (unfinished > 0) left.push(`${unfinished} unfinished files`);
    for (const name of ['users', 'blobs']) {
      const count = await db.collection(name).countDocuments({ 'claims.0': { $exists: true } });
      if (count > 0) left.push(`${count} ${name} with claims`);
    }
    const idle = await db.collection('blobs').countDocuments({ refCount: { $lte: 0 } });
    if (idle > 0) left.push(`${idle} blobs that nothing refers to`);
    const sums = await db
      .collection('files')
      .aggregate([{ $group: { _id: '$userId', bytes: { $sum: '$fileSize' } } }])
      .toArray();
    const bytes = new Map(sums.map((sum) => [`${sum._id}`, sum.bytes]));
    for await (const { _id, usedBytes } of db
      .collection('users')
      .find({}, { projection: { usedBytes: 1 } })) {
      const held = bytes.get(`${_id}`) ?? 0;
      if (usedBytes !== held) left.push(`usedBytes of ${_id} is ${usedBytes}, its files have ${held}`);
    }
    return left;
  });
}

/** `imaginary storage check --deep` beside the running service: what it found. */
export async function deepCheck(server, variables) {
  const env = {
    PATH: process.env.PATH,
    HOME: process.env.HOME,
    DATA_PATH: dirname(server.blobs),
    UPLOAD_PATH: server.blobs,
    MONGODB_URI: server.database,
    LOG_LEVEL: 'warn',
    ...variables,
  };
  const args = [CLI, 'storage', 'check', '--deep', '--json'];
  const cwd = join(server.blobs, '..');
  const ended = await promisify(execFile)(process.execPath, args, {
    env,
    cwd,
    timeout: 240_000,
    maxBuffer: 2 ** 26,
  })
    .then(({ stdout }) => ({ code: 0, stdout }))
    .catch(({ code, stdout, stderr }) => ({ code: code ?? 'none', stdout: stdout || stderr }));
  const isClean = ended.code === 0;
  return { isClean, code: ended.code, output: ended.stdout.slice(0, 2000) };
}

async function withDatabase(uri, work) {
  const client = await MongoClient.connect(uri);
  try {
    return await work(client.db());
  } finally {
    await client.close();
  }
}
