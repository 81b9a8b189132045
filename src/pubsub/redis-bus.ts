import { randomUUID } from 'node:crypto';
import type { createClient } from 'redis';
import type { LiveBus, News } from '../services/live/live-bus.ts';

type Client = ReturnType<typeof createClient>;

/** What the bus is made of. */
export interface RedisBusParts {
  readonly publisher: Client;
  /** Another client: one that listens can do nothing else. */
  readonly subscriber: Client;
  /** Nobody else’s on that server, and the same on all nodes of one database. */
  readonly channel: string;
  /** Hears of what could not be said or understood. */
  readonly failed: (error: unknown) => void;
}

/**
 * News among all nodes, by publish and subscribe of Redis. While Redis is away they reach this node’s listeners alone; when
 * it is back, every node hears that news may be missing.
 */
export class RedisBus implements LiveBus {
  readonly isShared = true;
  private readonly node = randomUUID();
  private readonly parts: RedisBusParts;
  private readonly listeners = new Set<(news: News) => void>();
  private hasListened = false;
  private isMissing = false;

  constructor(parts: RedisBusParts) {
    this.parts = parts;
    const { publisher, subscriber } = parts;
    publisher.on('ready', () => this.tellMissing());
    subscriber.on('ready', () => void this.listen());
  }

  publish(news: News): void {
    this.deliver(news);
    this.send(news);
  }

  onNews(listener: (news: News) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Ends both connections. */
  close(): void {
    this.listeners.clear();
    for (const client of [this.parts.publisher, this.parts.subscriber]) if (client.isOpen) client.destroy();
  }

  private send(news: News): void {
    const { publisher, channel, failed } = this.parts;
    publisher.publish(channel, JSON.stringify({ node: this.node, news })).catch((error) => {
      if (!this.isMissing) failed(error);
      this.isMissing = true;
    });
  }

  /** What this node could not say while Redis was away, no other node has heard. */
  private tellMissing(): void {
    if (!this.isMissing) return;
    this.isMissing = false;
    this.send({ type: 'missed' });
  }

  // The client itself subscribes anew after each later connection.
  private async listen(): Promise<void> {
    if (this.hasListened) return this.deliver({ type: 'missed' });
    const { subscriber, channel, failed } = this.parts;
    try {
      await subscriber.subscribe(channel, (text) => this.heard(text));
      this.hasListened = true;
    } catch (error) {
      failed(error);
    }
  }

  private heard(text: string): void {
    try {
      const { node, news } = JSON.parse(text) as { node: string; news: News };
      if (node !== this.node) this.deliver(news);
    } catch (error) {
      this.parts.failed(error);
    }
  }

  private deliver(news: News): void {
    for (const listener of this.listeners) listener(news);
  }
}
