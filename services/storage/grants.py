"""What roles may do in the schema, by the table `deploy/rights.toml`, and what the server says that they may.

Only grants that are somebody's own are looked at: nothing is given to PUBLIC, and the owner's rights are its own.
"""

from dataclasses import dataclass
from typing import TypeAlias

import asyncpg

from libs.postgres.pool import Connection
from libs.rights import EVERYTHING, MEMBER, rights

AnyConnection: TypeAlias = "Connection | asyncpg.Connection[asyncpg.Record]"

GRANTED = """
    select coalesce(r.rolname, 'public') as role, given.what, given.verb
    from (
        select a.grantee, c.relname::text as what, a.privilege_type as verb
        from pg_class c join pg_namespace n on n.oid = c.relnamespace, aclexplode(c.relacl) a
        where n.nspname = 'public' and a.grantee <> c.relowner
        union all
        select a.grantee, format('%s (%s)', c.relname, t.attname), a.privilege_type
        from pg_attribute t join pg_class c on c.oid = t.attrelid join pg_namespace n on n.oid = c.relnamespace,
            aclexplode(t.attacl) a
        where n.nspname = 'public' and a.grantee <> c.relowner
        union all
        select a.grantee, 'schema ' || n.nspname, a.privilege_type
        from pg_namespace n, aclexplode(n.nspacl) a
        where n.nspname = 'public' and a.grantee <> n.nspowner and a.privilege_type = 'CREATE'
        union all
        select m.member, granted.rolname, 'MEMBER'
        from pg_auth_members m join pg_roles granted on granted.oid = m.roleid
        join pg_roles member on member.oid = m.member where member.rolname !~ '^pg_'
    ) given left join pg_roles r on r.oid = given.grantee
"""
RELATIONS = """
    select c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where n.nspname = 'public' and c.relkind in ('r', 'v', 'm', 'p', 'f')
"""
STRONG = """
    select rolname from pg_roles
    where (rolsuper or rolcreaterole or rolcreatedb or rolreplication or rolbypassrls) and oid <> 10
"""
"""Roles that may do more than any grant says; 10 is the first user, who made the others."""


@dataclass(frozen=True, order=True)
class Grant:
    """A verb that a role has on a relation."""

    role: str
    relation: str
    verb: str

    def __str__(self) -> str:
        return f"{self.role}: {self.verb} on {self.relation}"


def table() -> set[Grant]:
    """What `deploy/rights.toml` gives, beside the owner's."""
    return {
        Grant(role, relation, verb)
        for role, relations in rights("postgres").items()
        for relation, verbs in relations.items()
        for verb in verbs
        if relation != EVERYTHING
    }


async def granted(connection: AnyConnection) -> set[Grant]:
    """What the server gives, by its own word: on tables, views, columns and the schema, and by membership."""
    given = {Grant(row["role"], row["what"], row["verb"]) for row in await connection.fetch(GRANTED)}
    return given | {Grant(row["rolname"], "the server", "ADMINISTER") for row in await connection.fetch(STRONG)}


async def grant(connection: AnyConnection) -> None:
    """Give what the table gives, to roles and on relations that are there.

    Takes nothing away: in an upgrade an older storage may start again beside newer services, whose rights and tables it
    does not know.
    """
    roles = {row["rolname"] for row in await connection.fetch("select rolname from pg_roles")}
    relations = {row["relname"] for row in await connection.fetch(RELATIONS)}
    for one in sorted(table() - await granted(connection)):
        if one.role in roles and one.relation in relations:
            await connection.execute(f"grant {one.verb} on {one.relation} to {one.role}")


async def take_back(connection: AnyConnection) -> None:
    """Take from the table's roles, and from everybody, what relations were given to them by other hands."""
    ours = {*rights("postgres"), "public"}
    for one in sorted(await granted(connection) - table()):
        relation, _, column = one.relation.partition(" ")
        if one.role in ours and one.verb not in (MEMBER, "ADMINISTER") and relation != "schema":
            await connection.execute(f'revoke {one.verb} {column} on "{relation}" from {one.role}')
