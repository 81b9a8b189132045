import { Field, ID, Int, ObjectType } from 'type-graphql';
import { DateTime, JSONObject, SafeInt } from '../../models/scalars.ts';
import type { UploadTicket as Ticket, TicketPart } from '../../services/uploads/tickets.ts';

/** Where to send one part of a file. */
@ObjectType({ description: 'One part of a file, and the request that sends it.' })
export class UploadTicketPart {
  @Field(() => Int, { simple: true, description: 'From 1, in the order of the bytes.' })
  number!: number;

  @Field(() => String, { simple: true, description: 'The address; it needs no login.' })
  url!: string;

  @Field(() => JSONObject, {
    simple: true,
    description: 'Headers that the request must carry, by their names.',
  })
  headers!: Readonly<Record<string, string>>;

  @Field(() => SafeInt, { simple: true, description: 'The position of its first byte in the file.' })
  start!: number;

  @Field(() => SafeInt, { simple: true, description: 'Bytes; the request must have exactly as many.' })
  size!: number;
}

/** Where to send the bytes of a file that was announced. */
@ObjectType({
  description:
    'Where to send the bytes of a file: each part by one request. A request that failed may be repeated until the upload is completed.',
})
export class UploadTicket {
  @Field(() => ID, { simple: true, description: 'The upload’s id, and the file’s once it is completed.' })
  id!: string;

  @Field(() => String, { simple: true, description: 'The HTTP method of each request.' })
  method!: string;

  @Field(() => String, {
    simple: true,
    nullable: true,
    description: 'The address of the only part; null where there are several.',
  })
  url!: string | null;

  @Field(() => JSONObject, {
    simple: true,
    description: 'The headers of the only part; empty where there are several.',
  })
  headers!: Readonly<Record<string, string>>;

  @Field(() => [UploadTicketPart], {
    simple: true,
    description: 'Every part, in the order of the bytes; they may be sent in any order.',
  })
  parts!: readonly TicketPart[];

  @Field(() => DateTime, {
    simple: true,
    description: 'When the addresses stop working; it must be completed before.',
  })
  expiresAt!: Date;
}

/** Makes the GraphQL object of a ticket. */
export function ticketOf({ id, parts, expiresAt }: Ticket): UploadTicket {
  const only = parts.length === 1 ? parts[0] : undefined;
  return {
    id,
    method: parts[0]?.method ?? 'PUT',
    url: only?.url ?? null,
    headers: only?.headers ?? {},
    parts,
    expiresAt,
  };
}
