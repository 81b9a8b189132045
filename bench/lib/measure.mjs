import { readFile, writeFile } from 'node:fs/promises';

/**
 * Someone to be measured.
 * @typedef {object} Contender
 * @property {number} pid its server
 * @property {() => Promise<number>} run does the work once and resolves with the rate reached
 */

/**
 * What was measured of a contender, one entry per round.
 * @typedef {object} Samples
 * @property {number[]} rates
 * @property {number[]} serverCpuSeconds
 * @property {number[]} engineCpuSeconds of the database
 */

/**
 * Measures every contender once per round, in turn, so that what the machine does meanwhile meets all of them. One
 * round before that warms everything up and does not count.
 * @template {string} Name
 * @param {import('./workbench.mjs').Scope} scope
 * @param {{ row: string, unit: string, rounds: number }} what
 * @param {Record<Name, Contender>} contenders
 * @returns {Promise<Record<Name, Samples>>}
 */
export async function contest(scope, { row, unit, rounds }, contenders) {
  const names = Object.keys(contenders);
  const samples = Object.fromEntries(
    names.map((name) => [name, { rates: [], serverCpuSeconds: [], engineCpuSeconds: [] }]),
  );
  for (const name of names) await contenders[name].run();
  for (let round = 1; round <= rounds; round += 1) {
    for (const name of names) {
      const { pid, run } = contenders[name];
      const cpuTimes = () => Promise.all([pid, scope.enginePid].map(cpuSeconds));
      const before = await cpuTimes();
      const rate = await run();
      const [server, engine] = (await cpuTimes()).map((after, index) => rounded(after - before[index]));
      samples[name].rates.push(rounded(rate));
      samples[name].serverCpuSeconds.push(server);
      samples[name].engineCpuSeconds.push(engine);
      scope.say(`(${row}) round ${round}, ${name}: ${rate.toFixed(0)} ${unit}, ${server} s of CPU`);
    }
  }
  return samples;
}

/** @param {number[]} values */
export function median(values) {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** CPU seconds a process has used, its threads included; NaN where the system does not tell. */
async function cpuSeconds(pid) {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  // proc_pid_stat(5): fields 14 and 15 are user and system time in ticks of 1/100 s.
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

/** Resident bytes of a process, now and at the most since `forgetPeak`. */
export async function residentBytes(pid) {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  const field = (name) => Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1]) * 1024;
  return { now: field('VmRSS'), peak: field('VmHWM') };
}

/** Makes the peak of a process begin anew; without the right to, it stays the peak since the process began. */
export async function forgetPeak(pid) {
  await writeFile(`/proc/${pid}/clear_refs`, '5').catch(() => {});
}

const rounded = (value) => Math.round(value * 100) / 100;
