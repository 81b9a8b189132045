import { fork } from 'node:child_process';
import { once } from 'node:events';

const SERVER = new URL('../../blobs/emulators/gcs.ts', import.meta.url);

/** What the server tells once it listens. */
interface Started {
  endpoint: string;
  keyFile: string;
  projectId: string;
}

/** Starts a server that speaks the API of Google Cloud Storage, and tells the variables by which the tests find it. */
export async function startGcs(): Promise<{ env: Record<string, string>; stop(): Promise<void> }> {
  const child = fork(SERVER, { execArgv: ['--no-warnings'], stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  const exited = once(child, 'exit');
  const started = (await Promise.race([
    once(child, 'message').then(([message]) => message),
    exited.then(([code]) =>
      Promise.reject(new Error(`The server of Google Cloud Storage ended with ${code}.`)),
    ),
  ])) as Started;
  return {
    env: {
      TEST_GCS_ENDPOINT: started.endpoint,
      TEST_GCS_KEY_FILE: started.keyFile,
      TEST_GCS_PROJECT_ID: started.projectId,
    },
    async stop() {
      if (child.connected) child.disconnect();
      await exited;
    },
  };
}
