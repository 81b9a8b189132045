// Asks the registry for known faults of what package-lock.json names; exit code 1 where one is high or critical.
// A registry that does not tell, as mirrors often do not, is no fault of ours: a note, and exit code 0.
import { execFile } from 'node:child_process';

const GRAVE = ['high', 'critical'];
const PATIENCE_MS = 120_000;

const { stdout, stderr } = await run(['audit', '--json', '--package-lock-only']);
const report = parsed(stdout);
const counts = report?.metadata?.vulnerabilities;
if (!counts) {
  const why = report?.message ?? report?.error?.summary ?? stderr.trim().split('\n').at(-1) ?? '';
  say(
    `audit: the registry tells nothing of known faults, so none were looked for (${why.replace(/https?:\S+/g, '…') || 'no answer'})`,
  );
} else {
  const found = Object.values(report.vulnerabilities ?? {});
  for (const { name, severity, range, via } of found) {
    const titles = via.map((cause) => cause.title ?? `by ${cause}`);
    say(`audit: ${severity}: ${name} ${range}: ${titles.join('; ')}`);
  }
  const grave = GRAVE.reduce((sum, severity) => sum + (counts[severity] ?? 0), 0);
  const asked = report.metadata.dependencies?.total ?? 'all';
  say(`audit: ${asked} packages, ${counts.total} with known faults, ${grave} of them high or critical`);
  if (grave > 0) process.exitCode = 1;
}

function say(line) {
  process.stdout.write(`${line}\n`);
}

function run(args) {
  return new Promise((resolve) => {
    const options = { timeout: PATIENCE_MS, maxBuffer: 2 ** 26 };
    // npm ends with 1 both where it found something and where it could not ask; the report says which.
    execFile('npm', args, options, (_error, stdout, stderr) => resolve({ stdout, stderr }));
  });
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
