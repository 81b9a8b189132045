import type { ObjectId } from '../../models/object-id.ts';
import type { Queue } from './processing-backlog.ts';

/** Queues contents that have just come, without keeping anybody waiting; one that cannot be queued now is found later. */
export class WantedProcessing {
  private readonly queue: Queue;
  private readonly onError: (error: unknown) => void;
  private readonly adding = new Set<Promise<void>>();

  constructor(queue: Queue, onError: (error: unknown) => void) {
    this.queue = queue;
    this.onError = onError;
  }

  /** Queues the content of a file that has become PENDING. */
  add(blob: ObjectId): void {
    const added: Promise<void> = this.queue
      .add(blob)
      .catch(this.onError)
      .finally(() => this.adding.delete(added));
    this.adding.add(added);
  }

  /** Resolves once nothing is about to be queued. */
  async idle(): Promise<void> {
    await Promise.all(this.adding);
  }
}
