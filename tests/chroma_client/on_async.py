"""The asynchronous client, several questions at once."""

import asyncio

import chromadb

from asking import (ask, names, plain, raised, scenario, settings, vector,
                    vectors)


async def _told(awaitable):
    try:
        return plain(await awaitable)
    except Exception as err:
        return raised(err)


async def _run(desk):
    client = await chromadb.AsyncHttpClient(
        **desk.address, database=desk.database, settings=settings(desk.token))
    things = await client.create_collection("things",
                                            embedding_function=None)
    answers = [await _told(client.heartbeat()) > 1e18]
    await asyncio.gather(*(
        things.add(ids=names(10, i * 10), embeddings=vectors(
            10, start=i * 10), metadatas=[{"part": i}] * 10)
        for i in range(8)))
    answers.append(await _told(things.count()))
    answers += await asyncio.gather(*(
        _told(things.query(query_embeddings=[vector(1000 + i)],
                           where={"part": i % 4}, n_results=3,
                           include=["distances", "metadatas"]))
        for i in range(8)))
    await things.update(ids=["r1"], metadatas=[{"part": 77}])
    answers += [
        await _told(things.get(where={"part": 77})),
        await _told(things.delete(where={"part": {"$lt": 7}})),
        await _told(things.count()),
        await _told(client.get_collection("no_such")),
        await _told(client.list_collections()),
        await _told(things.modify(name="renamed")),
        await _told(client.count_collections()),
        await _told(client.delete_collection("renamed")),
        await _told(client.count_collections()),
    ]
    return answers


@scenario
def asynchronous(desk):
    return ask(lambda: asyncio.run(_run(desk)))
