import { Field, ID, Int, ObjectType } from 'type-graphql';
import { AuditAction, AuditOutcome } from '../../models/audit-event.ts';
import { DateTime } from '../../models/scalars.ts';
import { ShareLink } from '../../models/share-link.ts';
import type { ShownLink } from '../../services/sharing/links/link-targets.ts';
import { PageInfo } from '../connections.ts';

/** A link at its place in a list. */
@ObjectType({ description: 'A link at its place in a list.' })
export class ShareLinkEdge {
  @Field(() => String, { simple: true, description: 'Names the place.' })
  cursor!: () => string;

  @Field(() => ShareLink, { simple: true, description: 'The link.' })
  node!: ShownLink;
}

/** One page of a list of links; each field is computed only when it is asked for. */
@ObjectType({ description: 'One page of a list of links.' })
export class ShareLinkConnection {
  @Field(() => [ShareLinkEdge], { simple: true, description: 'The page’s links with their cursors.' })
  edges!: () => ShareLinkEdge[];

  @Field(() => [ShareLink], { simple: true, description: 'The page’s links alone.' })
  nodes!: readonly ShownLink[];

  @Field(() => PageInfo, { simple: true, description: 'Where the page lies in the list.' })
  pageInfo!: () => PageInfo;

  @Field(() => Int, {
    simple: true,
    description: 'Links in the whole list; costs a count, so ask only when shown.',
  })
  totalCount!: () => Promise<number>;
}

/** Something that happened to a link. */
@ObjectType('ShareEvent', {
  description:
    'Something that happened to a link; the same by the same visitor within ten minutes is one. Who the visitor was is not told.',
})
export class ShareEvent {
  @Field(() => ID, { simple: true, description: 'The event’s id.' })
  id!: string;

  @Field(() => AuditAction, { simple: true, description: 'What happened.' })
  action!: AuditAction;

  @Field(() => AuditOutcome, { simple: true, description: 'Whether it was done or refused.' })
  outcome!: AuditOutcome;

  @Field(() => ID, { simple: true, nullable: true, description: 'The file that was fetched.' })
  fileId!: string | null;

  @Field(() => DateTime, { simple: true, description: 'When.' })
  createdAt!: Date;
}

/** An event at its place in a link’s trail. */
@ObjectType({ description: 'An event at its place in a link’s trail.' })
export class ShareEventEdge {
  @Field(() => String, { simple: true, description: 'Names the place.' })
  cursor!: () => string;

  @Field(() => ShareEvent, { simple: true, description: 'The event.' })
  node!: ShareEvent;
}

/** One page of a link’s trail; each field is computed only when it is asked for. */
@ObjectType({ description: 'One page of a link’s trail, the newest events first.' })
export class ShareEventConnection {
  @Field(() => [ShareEventEdge], { simple: true, description: 'The page’s events with their cursors.' })
  edges!: () => ShareEventEdge[];

  @Field(() => [ShareEvent], { simple: true, description: 'The page’s events alone.' })
  nodes!: readonly ShareEvent[];

  @Field(() => PageInfo, { simple: true, description: 'Where the page lies in the list.' })
  pageInfo!: () => PageInfo;
}
