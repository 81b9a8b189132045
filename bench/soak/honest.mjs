import { randomBytes } from 'node:crypto';
import { serve } from '../lib/processes.mjs';
import { Account } from './honest-account.mjs';
import { change, direct, download, list, remove, upload } from './honest-files.mjs';
import { apiKey, life, session, socket } from './honest-sessions.mjs';
import { pause, weighted, whole } from './random.mjs';
import { Tally } from './tally.mjs';

const ACCOUNTS = 6;
const REFRESH_MS = 120_000;
const DEEDS = [
  [20, upload],
  [8, direct],
  [30, download],
  [14, list],
  [6, change],
  [6, remove],
  [4, session],
  [4, apiKey],
  [6, socket],
  [2, life],
];

const tally = new Tally();
/** @type {Account[]} */
let accounts = [];
let until = 0;
let running = Promise.resolve();

/** The honest clients: they do what clients do, verify all of it, and never meet a refusal. */
serve(async ({ what, origin, minutes }) => {
  if (what === 'open') {
    accounts = Array.from(
      { length: ACCOUNTS },
      () => new Account(origin, `honest${randomBytes(6).toString('hex')}`, tally),
    );
    for (const account of accounts) await account.register();
    return accounts.map(({ name, id }) => ({ name, id }));
  }
  if (what === 'start') {
    until = Date.now() + minutes * 60_000;
    running = Promise.all(accounts.map(live));
    return null;
  }
  if (what === 'end') {
    until = 0;
    await running;
    for (const account of accounts) await list(account);
    for (const { client } of accounts) client.close();
  }
  return tally.counts;
});

async function live(account) {
  let refreshed = Date.now();
  while (Date.now() < until) {
    const deed = weighted(DEEDS);
    try {
      if (Date.now() - refreshed > REFRESH_MS) {
        await account.refresh();
        refreshed = Date.now();
      }
      await deed(account);
    } catch (error) {
      tally.fault(`${deed.name}: ${error.stack}`);
    }
    await pause(whole(50, 400), until);
  }
}
