import type { Socket } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

/** What the process counts; one per app, so that two in a process do not share counts. */
export class Metrics {
  private readonly registry = new Registry();
  private readonly requests = new Counter({
    name: 'http_requests_total',
    help: 'Requests answered.',
    labelNames: ['method', 'route', 'status'],
    registers: [this.registry],
  });
  private readonly durations = new Histogram({
    name: 'http_request_duration_seconds',
    help: 'Time from a request’s headers to the end of its answer.',
    labelNames: ['method', 'route'],
    buckets: [0.005, 0.025, 0.1, 0.5, 2.5, 10, 60, 600],
    registers: [this.registry],
  });
  private readonly bytes = new Counter({
    name: 'http_bytes_total',
    help: 'Bytes of connections, received and sent, headers included.',
    labelNames: ['direction'],
    registers: [this.registry],
  });
  private readonly uploadsRunning = new Gauge({
    name: 'uploads_running',
    help: 'Files that are coming in now.',
    registers: [this.registry],
  });
  private readonly uploads = new Counter({
    name: 'uploads_total',
    help: 'Uploads that ended.',
    labelNames: ['outcome'],
    registers: [this.registry],
  });
  private readonly uploadedBytes = new Counter({
    name: 'uploaded_bytes_total',
    help: 'Bytes of files received, failed uploads included.',
    registers: [this.registry],
  });
  private readonly fallbacks = new Counter({
    name: 'blob_read_fallbacks_total',
    help: 'Reads that another copy served because the first one could not.',
    labelNames: ['provider'],
    registers: [this.registry],
  });
  private readonly copies = new Counter({
    name: 'blob_copies_total',
    help: 'Copies of blobs that were made, as backups or as repairs, and tries that failed.',
    labelNames: ['kind', 'outcome'],
    registers: [this.registry],
  });
  private readonly webhooks = new Counter({
    name: 'webhook_deliveries_total',
    help: 'Tries to deliver messages to webhooks, by how they came out: delivered, retried or failed.',
    labelNames: ['outcome'],
    registers: [this.registry],
  });
  private readonly mails = new Counter({
    name: 'mails_total',
    help: 'Mails that were sent, kept in the mailbox or given up as useless, and tries that failed.',
    labelNames: ['outcome'],
    registers: [this.registry],
  });
  private readonly scans = new Counter({
    name: 'content_scans_total',
    help: 'Virus scans that ended, by what they came to.',
    labelNames: ['verdict'],
    registers: [this.registry],
  });
  private readonly liveDeliveries = new Counter({
    name: 'subscription_events_total',
    help: 'Events of subscriptions: delivered, or dropped since their subscriber was too slow or the nodes lost each other.',
    labelNames: ['outcome'],
    registers: [this.registry],
  });
  private readonly processed = new Histogram({
    name: 'content_processing_seconds',
    help: 'Time that making previews and reading metadata of a content took, by what it came to.',
    labelNames: ['outcome'],
    buckets: [0.05, 0.2, 0.5, 1, 5, 20, 60, 600],
    registers: [this.registry],
  });
  private readonly jobRuns = new Counter({
    name: 'job_runs_total',
    help: 'Runs of the jobs that the service does by itself.',
    labelNames: ['job', 'outcome'],
    registers: [this.registry],
  });
  private readonly jobSuccesses = new Gauge({
    name: 'job_last_success_timestamp_seconds',
    help: 'When this process last ran the job to its end.',
    labelNames: ['job'],
    registers: [this.registry],
  });
  private readonly running = new Gauge({
    name: 'http_requests_running',
    help: 'Requests that are being answered now.',
    labelNames: ['route'],
    registers: [this.registry],
  });

  private readonly sockets = new Map<Socket, { in: number; out: number }>();

  readonly contentType = this.registry.contentType;

  constructor() {
    collectDefaultMetrics({ register: this.registry });
  }

  /** Adds a gauge whose value is asked for when the metrics are read. */
  gauge(name: string, help: string, read: () => number | Promise<number>): void {
    new Gauge({
      name,
      help,
      registers: [this.registry],
      async collect() {
        this.set(await read());
      },
    });
  }

  text(): Promise<string> {
    // A connection that lasts for hours is counted as it goes, not when it ends.
    for (const socket of this.sockets.keys()) this.countBytes(socket);
    return this.registry.metrics();
  }

  uploadBegan(): void {
    this.uploadsRunning.inc();
  }

  uploadEnded(outcome: string, bytes: number): void {
    this.uploadsRunning.dec();
    this.uploads.inc({ outcome });
    this.uploadedBytes.inc(bytes);
  }

  readFellBack(provider: string): void {
    this.fallbacks.inc({ provider });
  }

  copyEnded(kind: string, outcome: 'made' | 'failed'): void {
    this.copies.inc({ kind, outcome });
  }

  mailEnded(outcome: string): void {
    this.mails.inc({ outcome });
  }

  webhookEnded(outcome: string): void {
    this.webhooks.inc({ outcome });
  }

  contentScanned(verdict: string): void {
    this.scans.inc({ verdict });
  }

  liveEvents(outcome: 'delivered' | 'dropped', count: number): void {
    this.liveDeliveries.inc({ outcome }, count);
  }

  contentProcessed(outcome: string, seconds: number): void {
    this.processed.observe({ outcome }, seconds);
  }

  jobEnded({ name, outcome }: { name: string; outcome: string }): void {
    this.jobRuns.inc({ job: name, outcome });
    if (outcome === 'done') this.jobSuccesses.setToCurrentTime({ job: name });
  }

  /** Counts every request of the server; routes by their pattern, never by the address a client sent. */
  observe(app: FastifyInstance): void {
    app.addHook('onRequest', async (request, reply) => {
      const route = routeOf(request.routeOptions.url);
      this.running.inc({ route });
      // Also when the client goes away before its answer.
      reply.raw.once('close', () => this.running.dec({ route }));
    });
    app.addHook('onResponse', async (request, reply) => {
      const route = routeOf(request.routeOptions.url);
      this.requests.inc({ method: request.method, route, status: reply.statusCode });
      this.durations.observe({ method: request.method, route }, reply.elapsedTime / 1000);
    });
    app.server.on('connection', (socket) => {
      this.sockets.set(socket, { in: 0, out: 0 });
      socket.once('close', () => {
        this.countBytes(socket);
        this.sockets.delete(socket);
      });
    });
  }

  private countBytes(socket: Socket): void {
    const counted = this.sockets.get(socket);
    if (!counted) return;
    this.bytes.inc({ direction: 'in' }, socket.bytesRead - counted.in);
    this.bytes.inc({ direction: 'out' }, socket.bytesWritten - counted.out);
    this.sockets.set(socket, { in: socket.bytesRead, out: socket.bytesWritten });
  }
}

const routeOf = (pattern: string | undefined) => pattern ?? 'none';
