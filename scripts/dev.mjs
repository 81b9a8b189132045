// Serves from the sources: compiles on every change and restarts the server on what came out.
import { spawn, spawnSync } from 'node:child_process';

const built = spawnSync('npm', ['run', 'build', '--silent'], { stdio: 'inherit' });
if (built.status !== 0) process.exit(built.status ?? 1);

const children = [
  spawn('tsc', ['-p', 'tsconfig.build.json', '--watch', '--preserveWatchOutput'], { stdio: 'inherit' }),
  spawn(
    process.execPath,
    ['--watch', '--watch-path=dist', '--watch-preserve-output', '--env-file-if-exists=.env', 'dist/main.js'],
    { stdio: 'inherit', env: { SHUTDOWN_GRACE_SECONDS: '1', ...process.env } },
  ),
];
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.on(signal, () => {
    for (const child of children) child.kill(signal);
  });
}
