import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { openWorkbench } from './lib/workbench.mjs';
import { deepCheck, setQuota, settle } from './soak/aftermath.mjs';
import { failings, tables, write } from './soak/report.mjs';
import { growth, look } from './soak/samples.mjs';
import { ServerLog } from './soak/server-log.mjs';
import { merged } from './soak/tally.mjs';

const SAMPLE_MS = 5000;
// What a process holds after its first minute is what it needs; before that everything is opened for the first time.
const WARM_UP_MS = 60_000;
const POOR_BYTES = 1024 * 1024;

const { values } = parseArgs({
  options: { minutes: { type: 'string', default: '10' }, out: { type: 'string' } },
});
const minutes = Number(values.minutes);
if (!(minutes >= 0.5 && minutes <= 1440)) throw new Error('--minutes takes 0.5 to 1440.');

const bench = await openWorkbench({});
try {
  const report = await bench.scope(soak);
  const wrong = failings(report);
  const path = await write(values.out, { ...report, failings: wrong });
  process.stdout.write(`\n${tables(report)}\n\n`);
  for (const each of wrong) process.stdout.write(`WRONG  ${each}\n`);
  process.stdout.write(`${wrong.length === 0 ? 'All well' : 'Not well'}; every sample is in ${path}\n`);
  process.exitCode = wrong.length === 0 ? 0 : 1;
} finally {
  await bench.close();
}

/** Runs both kinds of clients against one server, and looks at it until nothing of them is left. */
async function soak({ server: open, helper, enginePid, say }) {
  const variables = {
    NODE_ENV: 'production',
    JWT_SECRET: randomBytes(32).toString('hex'),
    ENCRYPTION_KEYS: `soak:${randomBytes(32).toString('base64')}`,
    // The limits as they are by default: nobody honest comes near them, and hostile clients have other addresses.
    // One is lower, so that a busy machine can overdraw it at all.
    RATE_LIMITS: 'transfers=2000/60',
    MAX_FILE_SIZE: '64MiB',
    DEFAULT_QUOTA: '1GiB',
    DIRECT_PART_SIZE: '5MiB',
    DIRECT_UPLOAD_MINUTES: '1',
    UPLOAD_STALE_MINUTES: '2',
    BLOB_GRACE_MINUTES: '0',
    SWEEP_INTERVAL_SECONDS: '5',
  };
  const log = new ServerLog();
  const server = await open(variables, (text) => log.read(text));
  const [honest, hostile] = ['soak/honest.mjs', 'soak/hostile.mjs'].map(helper);
  const { origin } = server;
  const start = await look(server, enginePid);
  const known = await honest.ask({ what: 'open', origin });
  const { poor } = await hostile.ask({ what: 'open', origin, honest: known });
  await setQuota(server.database, poor, POOR_BYTES);

  const began = Date.now();
  const until = began + minutes * 60_000;
  for (const clients of [honest, hostile]) await clients.ask({ what: 'start', origin, minutes });
  const samples = [];
  while (Date.now() < until) {
    await delay(Math.min(SAMPLE_MS, until - Date.now()));
    samples.push(await look(server, enginePid));
    if (samples.length % 12 === 0) say(progress(samples.at(-1), began));
  }
  const counts = merged(await Promise.all([honest, hostile].map((clients) => clients.ask({ what: 'end' }))));
  await Promise.all([honest, hostile].map((clients) => clients.stop()));
  say('The clients are gone; waiting until nothing of them is left.');
  const settled = await settle(server, enginePid, start);
  const check = await deepCheck(server, variables);
  const warm = samples.filter(({ at }) => at - began > Math.min(WARM_UP_MS, (minutes * 60_000) / 4));
  return { minutes, start, settled, check, counts, growth: growth(warm), log: log.counts, samples };
}

function progress(sample, began) {
  const { rss, fds, latencyMs } = sample;
  const minute = Math.round((sample.at - began) / 60_000);
  return `minute ${minute}: ${(rss / 2 ** 20).toFixed(0)} MiB, ${fds} descriptors, ${latencyMs.toFixed(0)} ms`;
}
