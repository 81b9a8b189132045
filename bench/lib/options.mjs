import { parseArgs } from 'node:util';

const MIB = 1024 * 1024;

/**
 * How much each row does.
 * @typedef {object} Scale
 * @property {number} rounds how often each contender is measured
 * @property {number} largeBytes one upload of (a), the download of (c)
 * @property {number} smallFiles uploads of one measurement of (b)
 * @property {number} queries requests of one measurement of (d)
 * @property {number} hugeBytes the single upload of (e)
 * @property {number} archiveBytes the larger file of the archive
 * @property {number} manyBytes each of the 50 uploads of (e)
 * @property {number} pictures photographs of one measurement of the thumbnails
 * @property {number} providerBytes one transfer to or from a provider
 * @property {number} eighthBytes each of 8 uploads to a provider at once
 */

/** @type {Record<'full' | 'quick', Scale>} */
const SCALES = {
  full: {
    rounds: 5,
    largeBytes: 1024 * MIB,
    smallFiles: 1500,
    queries: 1500,
    hugeBytes: 4096 * MIB,
    archiveBytes: 5120 * MIB,
    manyBytes: 100 * MIB,
    pictures: 60,
    providerBytes: 512 * MIB,
    eighthBytes: 128 * MIB,
  },
  quick: {
    rounds: 2,
    largeBytes: 128 * MIB,
    smallFiles: 400,
    queries: 600,
    hugeBytes: 512 * MIB,
    archiveBytes: 256 * MIB,
    manyBytes: 10 * MIB,
    pictures: 20,
    providerBytes: 64 * MIB,
    eighthBytes: 32 * MIB,
  },
};

/** What `--help` says. */
export const USAGE = `npm run bench -- [--only a,c] [--quick] [--rounds N] [--profile FOLDER] [FILE.json]

  --only a,c        only these rows: a to f, documents, folders, or for bench:providers local, aws, gcp, azure
  --quick           small sizes and two rounds: shows that the bench works, not how fast the server is
  --rounds N        measure each contender N times
  --profile FOLDER  write a .cpuprofile of each server process into the folder (slows the server a little)
  FILE.json         where the samples go; bench/results/<date>.json by default
`;

/**
 * Reads the command line; throws on one that makes no sense.
 * @param {string[]} args
 * @param {string[]} known the names of all rows
 */
export function parseOptions(args, known) {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      only: { type: 'string' },
      quick: { type: 'boolean', default: false },
      rounds: { type: 'string' },
      profile: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  const rows = values.only?.split(',').map((name) => name.trim()) ?? known;
  const wrong = rows.filter((name) => !known.includes(name));
  if (rows.length === 0 || wrong.length > 0)
    throw new Error(`There is no row ${wrong.join(', ')}.\n${USAGE}`);
  const scale = { ...SCALES[values.quick ? 'quick' : 'full'] };
  if (values.rounds !== undefined) scale.rounds = wholeRounds(values.rounds);
  return {
    help: values.help,
    quick: values.quick,
    profile: values.profile ?? null,
    output: positionals[0] ?? null,
    rows: known.filter((name) => rows.includes(name)),
    scale,
  };
}

function wholeRounds(text) {
  const rounds = Number(text);
  if (!(Number.isInteger(rounds) && rounds >= 1 && rounds <= 50)) throw new Error('--rounds takes 1 to 50.');
  return rounds;
}
