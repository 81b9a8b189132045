// Feeds what strangers may send with made-up and mutated input, for a bounded time: `npm run fuzz -- --help`.
import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';
import fc from 'fast-check';
import { sharedServer } from './shared-server.mjs';
import { config } from './targets/config.mjs';
import { cursors } from './targets/cursors.mjs';
import { links } from './targets/links.mjs';
import { multipart } from './targets/multipart.mjs';
import { names } from './targets/names.mjs';
import { range } from './targets/range.mjs';
import { sockets } from './targets/sockets.mjs';
import { tokens } from './targets/tokens.mjs';

/**
 * What is fuzzed: properties by what they promise, made with a server that starts when it is first asked for.
 * @type {Record<string, (server: () => Promise<object>) => Record<string, import('fast-check').IRawProperty<unknown>>
 *   | Promise<Record<string, import('fast-check').IRawProperty<unknown>>>>}
 */
const TARGETS = { range, names, cursors, links, tokens, config, sockets, multipart };
const USAGE = `npm run fuzz -- [--seconds N] [--seed N] [--only ${Object.keys(TARGETS).join(',')}]

  --seconds N  how long in all; 60 by default
  --seed N     repeats what was made with this seed, as far as the time allows
  --only a,b   only these
`;
// One input that takes longer than this is a finding.
const MOST_MS = 20_000;
// What a wrong run is worth to shrink.
const SHRINK_MS = 20_000;

const values = commandLine();
const wanted = values.only.split(',').map((name) => name.trim());
const unknown = wanted.filter((name) => !(name in TARGETS));
const seconds = Number(values.seconds);
const seed = Number(values.seed);

if (values.help) process.stdout.write(USAGE);
else if (unknown.length > 0 || !(seconds > 0) || !Number.isInteger(seed)) {
  process.stderr.write(USAGE);
  process.exitCode = 2;
} else process.exitCode = (await fuzz()) ? 0 : 1;

/** What the command line says; its usage, and the end, where that is nothing. */
function commandLine() {
  try {
    return parseArgs({
      options: {
        seconds: { type: 'string', default: '60' },
        seed: { type: 'string', default: String(randomInt(2 ** 31)) },
        only: { type: 'string', default: Object.keys(TARGETS).join(',') },
        help: { type: 'boolean', default: false },
      },
    }).values;
  } catch (error) {
    process.stderr.write(`${error.message}\n${USAGE}`);
    process.exit(2);
  }
}

/** Whether every promise held. */
async function fuzz() {
  const server = sharedServer();
  process.stdout.write(`seed ${seed}\n`);
  let held = true;
  try {
    for (const name of wanted) {
      const properties = Object.entries(await TARGETS[name](server.get));
      const each = (seconds * 1000) / wanted.length / properties.length;
      for (const [promise, property] of properties)
        held = (await holds(name, promise, property, each)) && held;
    }
  } finally {
    await server.stop();
  }
  return held;
}

async function holds(name, promise, property, milliseconds) {
  const found = await fc.check(property, {
    seed,
    numRuns: 10_000_000,
    timeout: MOST_MS,
    interruptAfterTimeLimit: milliseconds,
  });
  const tried = `${name}: ${promise}: ${found.numRuns} inputs`;
  if (!found.failed) {
    process.stdout.write(`${tried}\n`);
    return true;
  }
  const report = await Promise.race([fc.asyncDefaultReportMessage(found), late()]);
  process.stdout.write(`${tried}, and this one breaks it:\n${report}\n`);
  process.stdout.write(`Again: npm run fuzz -- --only ${name} --seed ${seed} --seconds ${seconds}\n`);
  return false;
}

function late() {
  return new Promise((resolve) => setTimeout(resolve, SHRINK_MS, 'no report came in time').unref());
}
