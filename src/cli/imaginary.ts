#!/usr/bin/env node
import { createApp } from '../app.ts';
import { readConfig } from '../config.ts';

const COMMANDS: Record<string, { about: string; run: () => Promise<void> }> = {
  migrate: {
    about: 'bring the database up to date',
    async run() {
      const app = await createApp({
        ...readConfig(),
        MIGRATE_ON_START: true,
        LOG_LEVEL: 'warn',
        playground: false,
      });
      say(app.migrated.length > 0 ? `Applied ${app.migrated.join(', ')}.` : 'Nothing to do.');
      await app.close();
    },
  },
  sweep: {
    about: 'find what crashes and time left behind, once',
    async run() {
      const app = await createApp({ ...readConfig(), LOG_LEVEL: 'warn', playground: false });
      say(JSON.stringify(await app.sweep.run()));
      await app.close();
    },
  },
};

const say = (text: string) => process.stdout.write(`${text}\n`);

async function main(): Promise<number> {
  const command = COMMANDS[process.argv[2] ?? ''];
  if (command) {
    await command.run();
    return 0;
  }
  say('Usage: imaginary COMMAND\n');
  for (const [name, { about }] of Object.entries(COMMANDS)) say(`  ${name.padEnd(10)} ${about}`);
  return process.argv[2] === undefined || process.argv[2] === 'help' ? 0 : 2;
}

main().then(
  (code) => process.exit(code),
  (error: Error) => {
    process.stderr.write(`${error.message}\n`);
    process.exit(1);
  },
);
