import { readFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import mongoose from 'mongoose';
import { SHARED_RECORD } from './engine-records.ts';

const PROBE_MS = 5_000;

/**
 * The `mongodb://` address, without a database, of the engine that serves this directory now; null when none answers.
 * What an engine that was killed left behind, or one that serves another directory, is none.
 */
export async function sharedEngine(directory: string): Promise<string | null> {
  const socketPath = await read(directory, SHARED_RECORD);
  if (socketPath === '' || !(await isListening(socketPath))) return null;
  const uri = `mongodb://${encodeURIComponent(socketPath)}`;
  return (await serves(uri, directory)) ? uri : null;
}

// Asked first, since the driver would try for seconds to reach a socket that nobody listens on.
function isListening(socketPath: string): Promise<boolean> {
  return new Promise((tell) => {
    const socket = connect(socketPath);
    const answer = (listening: boolean) => {
      socket.destroy();
      tell(listening);
    };
    socket.setTimeout(PROBE_MS, () => answer(false));
    socket.once('connect', () => answer(true));
    socket.once('error', () => answer(false));
  });
}

/** Whether the process that answers is the one that holds the directory: the engine notes its own in `mongod.lock`. */
async function serves(uri: string, directory: string): Promise<boolean> {
  const client = new mongoose.mongo.MongoClient(uri, { serverSelectionTimeoutMS: PROBE_MS });
  try {
    const { pid } = await client.db('admin').command({ serverStatus: 1 });
    return String(pid) === (await read(directory, 'mongod.lock'));
  } catch {
    return false;
  } finally {
    await client.close();
  }
}

async function read(directory: string, name: string): Promise<string> {
  return (await readFile(join(directory, name), 'utf8').catch(() => '')).trim();
}
