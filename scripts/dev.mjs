// Serves from the sources: compiles on every change, and restarts the server whenever that went well.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';

const SERVER = [
  '--no-memory-reducer',
  '--initial-heap-size=256',
  '--env-file-if-exists=.env',
  'dist/main.js',
];

const built = spawnSync('npm', ['run', 'build', '--silent'], { stdio: 'inherit' });
if (built.status !== 0) process.exit(built.status ?? 1);

const compiler = spawn('tsc', ['-p', 'tsconfig.build.json', '--watch', '--preserveWatchOutput'], {
  stdio: ['ignore', 'pipe', 'inherit'],
});
let server;
let restarting = Promise.resolve();

compiler.stdout.setEncoding('utf8').on('data', (text) => {
  process.stdout.write(text);
  if (text.includes('Found 0 errors')) restarting = restarting.then(restart);
});

async function restart() {
  await stop(server);
  server = spawn(process.execPath, SERVER, {
    stdio: 'inherit',
    env: { SHUTDOWN_GRACE_SECONDS: '1', ...process.env },
  });
}

async function stop(child) {
  if (!child || child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGTERM');
  await once(child, 'exit');
}

for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, async () => {
    compiler.kill();
    await restarting;
    await stop(server);
    process.exit(0);
  });
}
