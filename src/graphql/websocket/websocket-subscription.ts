import {
  createSourceEventStream,
  type DocumentNode,
  execute,
  type FormattedExecutionResult,
  GraphQLError,
  type GraphQLSchema,
} from 'graphql';
import type { ReportErrors } from '../apollo.ts';
import type { Context } from '../context.ts';
import { ToldError } from './told-error.ts';

/** The answers of a subscription. */
export type AnswerStream = AsyncGenerator<FormattedExecutionResult, undefined, undefined>;

/** A subscription that has passed every check. */
export interface Subscribing {
  readonly schema: GraphQLSchema;
  readonly document: DocumentNode;
  readonly operationName: string | null | undefined;
  readonly variables: Readonly<Record<string, unknown>> | null | undefined;
  readonly requestId: string;
  /** A context as of now: who asks is proved anew; it rejects where they may not ask any more. */
  readonly context: () => Promise<Context>;
  readonly report: ReportErrors;
  /** The error of an ended subscription, as clients hear it. */
  readonly refusal: (error: unknown) => ToldError;
  /** Runs the work as part of the subscription’s request. */
  readonly within: <T>(work: () => Promise<T>) => Promise<T>;
  /** Called once when it is over. */
  readonly over: () => void;
}

/** Begins a subscription: its answers, or what it is refused with. Each event is answered as of then, in its turn. */
export async function subscribe(asked: Subscribing): Promise<AnswerStream | FormattedExecutionResult> {
  const { schema, document, operationName, variables } = asked;
  const args = {
    schema,
    document,
    ...(operationName && { operationName }),
    ...(variables && { variableValues: variables }),
  };
  const source = await createSourceEventStream({ ...args, contextValue: await asked.context() });
  if (!(Symbol.asyncIterator in source)) return { errors: reported(asked, source.errors ?? []) };
  const events = source[Symbol.asyncIterator]();
  const answer = async (rootValue: unknown): Promise<FormattedExecutionResult> => {
    const { data, errors } = await execute({ ...args, rootValue, contextValue: await asked.context() });
    return { data: data ?? null, ...(errors && { errors: reported(asked, errors) }) };
  };
  return new Answers(events, answer, asked);
}

// What has no cause of ours is about the request: a variable, an argument.
function reported({ report, requestId, operationName }: Subscribing, errors: readonly GraphQLError[]) {
  const told = errors.map((error) => (isOfRequest(error) ? badRequest(error) : error));
  return report(requestId, operationName ?? null, told);
}

const isOfRequest = ({ originalError }: GraphQLError): boolean =>
  !originalError || (originalError instanceof GraphQLError && isOfRequest(originalError));

function badRequest({ message, nodes, path }: GraphQLError): GraphQLError {
  const where = { ...(nodes && { nodes }), ...(path && { path }) };
  return new GraphQLError(message, { ...where, extensions: { code: 'BAD_USER_INPUT' } });
}

// Not an async generator: that could not be ended while it waits for the next event.
class Answers implements AnswerStream {
  private readonly events: AsyncIterator<unknown>;
  private readonly answer: (event: unknown) => Promise<FormattedExecutionResult>;
  private readonly asked: Pick<Subscribing, 'refusal' | 'within' | 'over'>;
  private isOver = false;

  constructor(
    events: AsyncIterator<unknown>,
    answer: (event: unknown) => Promise<FormattedExecutionResult>,
    asked: Pick<Subscribing, 'refusal' | 'within' | 'over'>,
  ) {
    this.events = events;
    this.answer = answer;
    this.asked = asked;
  }

  async next(): Promise<IteratorResult<FormattedExecutionResult, undefined>> {
    try {
      const next = await this.asked.within(() => this.events.next());
      if (next.done || this.isOver) return await this.return();
      const value = await this.asked.within(() => this.answer(next.value));
      return this.isOver ? this.return() : { done: false, value };
    } catch (error) {
      await this.return();
      throw this.asked.refusal(error);
    }
  }

  async return(): Promise<IteratorResult<FormattedExecutionResult, undefined>> {
    if (!this.isOver) {
      this.isOver = true;
      this.asked.over();
      await this.events.return?.();
    }
    return { done: true, value: undefined };
  }

  async throw(error: unknown): Promise<IteratorResult<FormattedExecutionResult, undefined>> {
    await this.return();
    throw error;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }
}
