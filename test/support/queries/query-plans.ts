import type mongoose from 'mongoose';
import { expect } from 'vitest';
import { type Command, commandsOf, explain } from '../commands.ts';

/** Looks at how a database answers the queries that are made of it. */
export class QueryPlans {
  private readonly connection: mongoose.Connection;
  /** Every index that answered something, as `collection.index`. */
  readonly used = new Set<string>();

  constructor(connection: mongoose.Connection) {
    this.connection = connection;
  }

  /** Runs the work and fails when a query of it scanned a collection or, unless it may, sorted in memory. */
  async expectIndexed(work: () => Promise<unknown>, { maySort = false } = {}): Promise<Command[]> {
    const commands = await commandsOf(this.connection, work);
    const wrong: string[] = [];
    for (const command of commands) {
      for (const { stages, indexes } of await explain(this.connection, command)) {
        if (stages.has('COLLSCAN') || (stages.has('SORT') && !maySort)) wrong.push(JSON.stringify(command));
        for (const index of indexes) this.used.add(`${Object.values(command)[0]}.${index}`);
      }
    }
    expect(wrong).toEqual([]);
    return commands;
  }
}
