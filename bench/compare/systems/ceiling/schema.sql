-- What an invite minimally stores: a member, an invitation, a mail to send.
create table member (
  id bigint generated always as identity primary key, organization_id bigint not null, email text not null,
  role text not null, status text not null, created_at timestamptz not null default now(),
  unique (organization_id, email));
create table invitation (
  id bigint generated always as identity primary key, organization_id bigint not null,
  member_id bigint not null references member (id), hash bytea not null unique, sponsor_id bigint not null,
  expires_at timestamptz not null, created_at timestamptz not null default now());
create index on invitation (organization_id, created_at);
create table outbox (
  id bigint generated always as identity primary key, invitation_id bigint not null, recipient text not null,
  template text not null, payload jsonb not null, due_at timestamptz not null default now());
