import { Readable } from 'node:stream';

/** A process that dies at one of its steps: neither that step's answer nor any later step comes about. */
export class Mortal {
  private readonly diesAt: number;
  private readonly isDone: boolean;
  /** How many steps were begun. */
  steps = 0;

  /** `after` lets the fatal step still happen, only its answer is lost; `before` does not. */
  constructor(diesAt: number, when: 'before' | 'after') {
    this.diesAt = diesAt;
    this.isDone = when === 'after';
  }

  get isDead(): boolean {
    return this.steps >= this.diesAt;
  }

  /** The same thing, whose named methods are steps of this process. */
  grip<T extends object>(target: T, methods: readonly string[]): T {
    return new Proxy(target, {
      get: (_target, name) => {
        const value = Reflect.get(target, name, target);
        if (typeof value !== 'function') return value;
        const method = value.bind(target) as (...given: unknown[]) => Promise<unknown>;
        return methods.includes(String(name)) ? this.step(method) : method;
      },
    });
  }

  /** Makes the named methods of the very thing steps of this process. */
  seize(target: object, methods: readonly string[]): void {
    for (const name of methods) {
      const method = (Reflect.get(target, name) as () => Promise<unknown>).bind(target);
      Object.defineProperty(target, name, { value: this.step(method), configurable: true });
    }
  }

  private step(method: (...given: unknown[]) => Promise<unknown>) {
    return async (...given: unknown[]) => {
      if (this.isDead) throw new Error('dead');
      this.steps += 1;
      if (!this.isDead) return method(...given);
      if (this.isDone) letGo(await method(...given));
      throw new Error('killed');
    };
  }
}

/** What a process holds ends with it. */
function letGo(result: unknown): void {
  const { stream } = (result ?? {}) as { stream?: unknown };
  if (stream instanceof Readable) stream.destroy();
}
