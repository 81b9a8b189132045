import { Command } from 'commander';
import type { Core } from '../app/core.ts';
import { type KeyUse, keysUnder } from '../services/copies/key-rotation.ts';
import { Progress } from './progress.ts';
import type { Run } from './run.ts';
import { UsageError } from './usage-error.ts';

const STATES = {
  current: 'encrypts new contents',
  former: 'opens older contents',
  missing: 'is NOT configured',
  wrong: 'is WRONG: it opens nothing of what it wraps',
} as const;

/** `imaginary keys`: what is done about the master keys that wrap the keys of contents. */
export function keysCommand(run: Run): Command {
  return new Command('keys')
    .description('look after the master keys of encrypted contents')
    .addCommand(
      new Command('status')
        .description('say what each master key wraps, and which are missing or not needed any more')
        .action(() => status(run)),
    )
    .addCommand(
      new Command('rotate')
        .description(
          'wrap the keys of all contents with the first of ENCRYPTION_KEYS, while the service runs; begun again it goes on where it was stopped',
        )
        .action(() => rotate(run)),
    );
}

async function status(run: Run): Promise<void> {
  const { keyRotation } = await run.open();
  const uses = await keyRotation.uses();
  if (uses.length === 0) run.say('Nothing is encrypted, and ENCRYPTION_KEYS is not set.');
  for (const use of uses) run.say(lineOf(use));
  if (uses.some(({ state }) => state === 'missing' || state === 'wrong')) run.exitCode = 1;
}

async function rotate(run: Run): Promise<void> {
  const core = await run.open();
  const { current } = core.keys.masters;
  if (current === null) throw new UsageError('ENCRYPTION_KEYS is not set: there is no key to rotate to');
  const done = await core.leases.hold('keys rotate', (signal) => rotateAll(run, core, signal), run.signal);
  if (done === null) throw new Error('another `keys rotate` is running; there can be one at a time');
  run.say(`${keysOf(done.rewrapped)} ${done.rewrapped === 1 ? 'was' : 'were'} wrapped with ${current}.`);
  if (done.failed > 0) {
    run.say(`${keysOf(done.failed)} could not be unwrapped; \`imaginary keys status\` says why.`);
    run.exitCode = 1;
    return;
  }
  const idle = (await core.keyRotation.uses()).filter(isIdle).map(({ name }) => name);
  if (idle.length > 0) run.say(`ENCRYPTION_KEYS no longer needs ${idle.join(', ')}.`);
}

async function rotateAll(run: Run, { keyRotation }: Core, signal: AbortSignal) {
  const uses = await keyRotation.uses();
  const blobs = uses.reduce((sum, use) => sum + (use.state === 'current' ? 0 : keysUnder(use)), 0);
  const progress = new Progress(run, { blobs, bytes: 0 });
  const told = new Set<string>();
  try {
    return await keyRotation.rotate(
      {
        rewrapped: () => progress.addBlob(),
        failed(keyId, error) {
          // One line for each key: what is wrong with it keeps all of its contents.
          if (!told.has(keyId)) progress.tell(`${keyId}: ${(error as Error).message}`);
          told.add(keyId);
        },
      },
      signal,
    );
  } finally {
    progress.stop();
  }
}

function lineOf(use: KeyUse): string {
  const others = (['uploads', 'previews'] as const).filter((name) => use[name] > 0);
  const wraps = [keysOf(use.blobs), ...others.map((name) => `${use[name]} of ${name}`)].join(', ');
  const isOver = isIdle(use) ? ', and is not needed any more' : '';
  return `${use.name}: ${STATES[use.state]}, wraps ${wraps}${isOver}`;
}

const isIdle = (use: KeyUse) => use.state === 'former' && keysUnder(use) === 0;

const keysOf = (count: number) => `${count} ${count === 1 ? 'key' : 'keys'}`;
