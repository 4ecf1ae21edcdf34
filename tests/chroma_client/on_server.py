"""The server itself, its tenants and databases."""

import uuid

from asking import ask, listed, names, scenario, vectors


@scenario
def server(desk):
    client = desk.client
    beat = client.heartbeat()
    return {
        "heartbeat is now": isinstance(beat, int) and beat > 1e18,
        "version is text": isinstance(client.get_version(), str),
        "max_batch_size": client.get_max_batch_size() >= 1000,
        "identity": ask(lambda: client.get_user_identity().user_id),
        "base64": client._server.supports_base64_encoding(),
        "reset": ask(client.reset),
    }


@scenario
def tenants(desk):
    admin = desk.admin
    name = f"tenant_{uuid.uuid4().hex}"
    answers = [
        ask(admin.get_tenant, "default_tenant"),
        ask(admin.get_tenant, name),
        ask(admin.create_tenant, name),
        ask(admin.get_tenant, name),
        ask(admin.create_tenant, name),
        ask(admin.create_tenant, "ab"),
        ask(admin.list_databases, tenant=name),
        ask(admin.create_database, "own", tenant=name),
        ask(admin.get_database, "own", tenant=name),
        ask(admin.get_database, "own"),
        ask(admin.list_databases, tenant=name),
        ask(admin.list_databases, tenant="no_such_tenant"),
        ask(admin.create_database, "own", tenant="no_such_tenant"),
    ]
    there = desk.connect("own", name)
    answers += [
        ask(there.create_collection, "things", embedding_function=None),
        listed(there),
        listed(desk.client),
        ask(desk.connect, "own", "no_such_tenant"),
        ask(desk.connect, "no_such_database", name),
        ask(lambda: there.get_user_identity().tenant),
    ]
    return rename(answers, name, "<tenant>")


@scenario
def databases(desk):
    admin, client = desk.admin, desk.client
    tenant = f"tenant_{uuid.uuid4().hex}"
    admin.create_tenant(tenant)
    inside = {"tenant": tenant}
    answers = [
        ask(admin.get_database, desk.database),
        ask(admin.create_database, desk.database),
        ask(admin.get_database, "no_such_database"),
        ask(admin.delete_database, "no_such_database"),
        ask(admin.create_database, "ab"),
        ask(admin.create_database, "with space"),
        ask(admin.create_database, "caf\u00e9 au lait"),
    ]
    for name in ("beta", "alpha", "delta", "gamma"):
        answers.append(ask(admin.create_database, name, **inside))
    answers += [
        ask(admin.list_databases, **inside),
        ask(admin.list_databases, 2, **inside),
        ask(admin.list_databases, 2, 1, **inside),
        ask(admin.list_databases, 10, 3, **inside),
        ask(admin.list_databases, 10, 4, **inside),
        ask(admin.list_databases, None, 2, **inside),
        ask(admin.list_databases, 0, **inside),
    ]
    # One name in two databases; what is deleted takes its own along.
    beta = desk.connect("beta", tenant)
    gamma = desk.connect("gamma", tenant)
    for other in (beta, gamma):
        made = other.create_collection("things", embedding_function=None)
        made.add(ids=names(2), embeddings=vectors(2))
    gamma.get_collection("things", embedding_function=None).delete(["r0"])
    answers += [
        ask(admin.delete_database, "beta", **inside),
        ask(admin.list_databases, **inside),
        listed(beta),
        ask(beta.get_collection, "things"),
        ask(beta.create_collection, "more", embedding_function=None),
        ask(lambda: gamma.get_collection("things").count()),
        ask(admin.create_database, "beta", **inside),
        listed(desk.connect("beta", tenant)),
        ask(client.count_collections),
    ]
    return rename(answers, tenant, "<tenant>")


@scenario
def moving_between_databases(desk):
    client = desk.client
    desk.admin.create_database("moving_second")
    client.create_collection("first", embedding_function=None)
    answers = [ask(client.set_database, "moving_second"),
               listed(client),
               ask(client.create_collection, "second",
                   embedding_function=None),
               ask(client.set_database, "no_such_database"),
               ask(client.set_tenant, "no_such_tenant", "moving_second"),
               ask(client.set_tenant, "default_tenant", desk.database),
               listed(client)]
    return answers


def rename(value, old, new):
    if isinstance(value, dict):
        return {k: rename(v, old, new) for k, v in value.items()}
    if isinstance(value, list):
        return [rename(v, old, new) for v in value]
    return value.replace(old, new) if isinstance(value, str) else value
