import type { Connection, mongo } from 'mongoose';

/** One command as the driver sent it. */
export type Command = Readonly<Record<string, unknown>>;

const QUERIES = ['find', 'aggregate', 'count', 'distinct', 'update', 'delete', 'findAndModify'];

/** Runs a piece of work and collects the commands with a filter that it made the database run. */
export async function commandsOf(connection: Connection, work: () => Promise<unknown>): Promise<Command[]> {
  const commands: Command[] = [];
  const note = ({ commandName, command }: mongo.CommandStartedEvent) => {
    if (QUERIES.includes(commandName)) commands.push({ [commandName]: command[commandName], ...command });
  };
  const client = connection.getClient();
  client.on('commandStarted', note);
  try {
    await work();
  } finally {
    client.off('commandStarted', note);
  }
  return commands;
}

/** What the server would do for a command. */
export interface Plan {
  /** Names of the stages, inner ones included. */
  readonly stages: Set<string>;
  /** Names of the indexes that the winning plan reads. */
  readonly indexes: Set<string>;
}

/** Asks the server how it runs a command, without running it; one plan for each write of a batch. */
export async function explain(connection: Connection, command: Command): Promise<Plan[]> {
  const { lsid: _session, $db, $clusterTime: _time, txnNumber: _number, ...bare } = command;
  const database = connection.getClient().db(String($db));
  return Promise.all(
    single(bare).map(async (explained) => {
      const plan: Plan = { stages: new Set(), indexes: new Set() };
      collect(await database.command({ explain: explained, verbosity: 'queryPlanner' }), plan);
      return plan;
    }),
  );
}

function single(command: Command): Command[] {
  const batch = command.updates ? 'updates' : 'deletes';
  const writes = command[batch];
  return Array.isArray(writes) ? writes.map((write) => ({ ...command, [batch]: [write] })) : [command];
}

const NOT_PLANNED = ['rejectedPlans', 'command', 'parsedQuery'];

function collect(node: unknown, plan: Plan): void {
  if (node === null || typeof node !== 'object') return;
  for (const [key, value] of Object.entries(node)) {
    if (NOT_PLANNED.includes(key)) continue;
    if (key === 'stage') plan.stages.add(String(value));
    if (key === 'indexName') plan.indexes.add(String(value));
    if (key === '$sort') plan.stages.add('SORT');
    collect(value, plan);
  }
}
