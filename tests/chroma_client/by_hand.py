"""What the client never sends: the status and the name of the error."""

import httpx

from asking import message, names, plain, scenario, vectors

class Hand:
    def __init__(self, desk):
        self.base = desk.url + "/api/v2"
        self.at = f"/tenants/default_tenant/databases/{desk.database}"
        head = ({"Authorization": f"Bearer {desk.token}"}
                if desk.token else {})
        self.http = httpx.Client(headers=head, trust_env=False)

    def __call__(self, method, path, body=None, **more):
        if isinstance(body, (str, bytes)):
            more["content"] = body
            more.setdefault("headers", {"Content-Type": "application/json"})
        elif body is not None:
            more["json"] = body
        reply = self.http.request(method, self.base + path, **more)
        if reply.is_success:
            return {"status": reply.status_code, "body": plain(reply.json())}
        answer = {"status": reply.status_code}
        if reply.text:  # Chroma has no words for a path that is not there
            error = reply.json()
            answer |= {"error": error["error"],
                       "message": message(error["message"])}
        return answer


def _all(hand, asked):
    return [[plain(f"{method} {path} {str(rest)[:200]}"),
             hand(method, path, *rest)]
            for method, path, *rest in asked]


@scenario
def bodies_by_hand(desk):
    hand = Hand(desk)
    here = hand.at + "/collections"
    made = desk.client.create_collection("bare", embedding_function=None)
    made.add(ids=names(3), embeddings=vectors(3), documents=["a", "b", "c"],
             metadatas=[{"n": 1}, {"n": 2}, None])
    it = f"{here}/{made.id}"
    one = [1.0, 2.0, 3.0, 4.0]
    asked = [
        ("GET", "/tenants/" + "x" * 300), ("POST", "/tenants", {}),
        ("POST", "/tenants", {"name": 3}), ("POST", "/tenants", "{"),
        ("POST", hand.at.rsplit("/", 1)[0], {}),
        ("POST", hand.at.rsplit("/", 1)[0], {"name": None}),
        ("POST", here, {}), ("POST", here, {"name": 7}), ("POST", here, "["),
        ("POST", here, ""), ("POST", here, "null"),
        ("POST", here, {"name": "c_one", "metadata": 3}),
        ("POST", here, {"name": "c_two", "configuration": 3}),
        ("POST", here, {"name": "c_three", "get_or_create": "yes"}),
        ("POST", here, {"name": "c_four", "unknown": 1}),
        ("POST", here, {"name": "c_five", "configuration": {
            "hnsw": {"space": "manhattan"}}}),
        ("POST", here, {"name": "c_six", "metadata": {
            "hnsw:space": "manhattan"}}),
        ("GET", here + "?limit=x"), ("GET", here + "?limit=-1"),
        ("GET", here + "?offset=-1"), ("GET", here + "/no_such"),
        ("GET", f"{here}/{made.id}"),
        ("PUT", it, {}), ("PUT", it, {"new_name": 5}), ("PUT", it, "x"),
        ("PUT", here + "/not-a-uuid", {"new_name": "abcd"}),
        ("DELETE", here + "/no_such"),
        ("GET", here + "/not-a-uuid/count"),
        ("GET", here + "/00000000-0000-4000-8000-000000000000/count"),
        ("POST", here + "/00000000-0000-4000-8000-000000000000/get", {}),
        ("POST", here + "/00000000-0000-4000-8000-000000000000/add",
         {"ids": ["a"], "embeddings": [one]}),
        ("POST", here + "/00000000-0000-4000-8000-000000000000/query",
         {"query_embeddings": [one]}),
        ("POST", it + "/get", {}), ("POST", it + "/get", ""),
        ("POST", it + "/get", "{"), ("POST", it + "/get", "[]"),
        ("POST", it + "/get", {"ids": "r0"}),
        ("POST", it + "/get", {"ids": [1]}),
        ("POST", it + "/get", {"ids": []}),
        ("POST", it + "/get", {"limit": -1}),
        ("POST", it + "/get", {"limit": "1"}),
        ("POST", it + "/get", {"limit": 1.5}),
        ("POST", it + "/get", {"include": ["nonsense"]}),
        ("POST", it + "/get", {"include": ["distances"]}),
        ("POST", it + "/get", {"include": []}),
        ("POST", it + "/get", {"include": "documents"}),
        ("POST", it + "/get", {"where": 3}),
        ("POST", it + "/get", {"where": {}}),
        ("POST", it + "/get", {"where": []}),
        ("POST", it + "/get", {"where": {"n": {"$wrong": 1}}}),
        ("POST", it + "/get", {"where": {"n": {"$gt": "a"}}}),
        ("POST", it + "/get", {"where": {"n": {"$in": [1, "a"]}}}),
        ("POST", it + "/get", {"where": {"n": {"$in": []}}}),
        ("POST", it + "/get", {"where": {"n": 1, "m": 2}}),
        ("POST", it + "/get", {"where": {"n": None}}),
        ("POST", it + "/get", {"where": {"$and": []}}),
        ("POST", it + "/get", {"where": {"$and": [{"n": 1}]}}),
        ("POST", it + "/get", {"where": {"$or": {"n": 1}}}),
        ("POST", it + "/get", {"where": {"n": {"$gt": True}}}),
        ("POST", it + "/get", {"where_document": 3}),
        ("POST", it + "/get", {"where_document": {}}),
        ("POST", it + "/get", {"where_document": {"$contains": ""}}),
        ("POST", it + "/get", {"where_document": {"$contains": 1}}),
        ("POST", it + "/get", {"where_document": {"$wrong": "x"}}),
        ("POST", it + "/get", {"where_document": {"$and": []}}),
        ("POST", it + "/get", {"where_document": {"$regex": "("}}),
        ("POST", it + "/get", {"unknown": 1}),
        ("POST", it + "/add", {}), ("POST", it + "/add", {"ids": ["x"]}),
        ("POST", it + "/add", {"ids": [], "embeddings": []}),
        ("POST", it + "/add", {"ids": ["x"], "embeddings": None}),
        ("POST", it + "/add", {"ids": ["x"], "embeddings": []}),
        ("POST", it + "/add", {"ids": ["x"], "embeddings": [one, one]}),
        ("POST", it + "/add", {"ids": ["x", "y"], "embeddings": [one]}),
        ("POST", it + "/add", {"ids": ["x"], "embeddings": [[]]}),
        ("POST", it + "/add", {"ids": ["x"], "embeddings": ["AACAPw=="]}),
        ("POST", it + "/add", {"ids": ["x"], "embeddings": [
            "AACAPwAAAEAAAEBAAACAQA=="]}),
        ("POST", it + "/add", {"ids": ["y"], "embeddings": ["!!!"]}),
        ("POST", it + "/add", {"ids": ["y"], "embeddings": ["AAA="]}),
        ("POST", it + "/add", {"ids": ["y"], "embeddings": [["a"]]}),
        ("POST", it + "/add", {"ids": ["y"], "embeddings": [[None] * 4]}),
        ("POST", it + "/add", '{"ids":["y"],"embeddings":[[1e999,1,1,1]]}'),
        ("POST", it + "/add", '{"ids":["z"],"embeddings":[[1e39,1,1,1]]}'),
        ("POST", it + "/add", {"ids": ["v", "v"], "embeddings": [one, one]}),
        ("POST", it + "/add", {"ids": [5], "embeddings": [one]}),
        ("POST", it + "/add", {"ids": ["w"], "embeddings": [one],
                               "metadatas": [{"a": {}}]}),
        ("POST", it + "/add", {"ids": ["w"], "embeddings": [one],
                               "metadatas": [{"a": [1, "x"]}]}),
        ("POST", it + "/add", {"ids": ["w"], "embeddings": [one],
                               "metadatas": [{"a": None}]}),
        ("POST", it + "/add", {"ids": ["w2"], "embeddings": [one],
                               "metadatas": [{}]}),
        ("POST", it + "/add", {"ids": ["w4"], "embeddings": [one],
                               "metadatas": []}),
        ("POST", it + "/add", {"ids": ["w5"], "embeddings": [one],
                               "metadatas": [{"a": 1}, {"a": 2}]}),
        ("POST", it + "/add", {"ids": ["w6"], "embeddings": [one],
                               "documents": ["a", "b"]}),
        ("POST", it + "/add", {"ids": ["w7"], "embeddings": [one],
                               "documents": [5]}),
        ("POST", it + "/upsert", {"ids": ["u"]}),
        ("POST", it + "/upsert", {"ids": ["u"], "embeddings": [None]}),
        ("POST", it + "/update", {"ids": ["r0"]}),
        ("POST", it + "/update", {"ids": ["r0"], "embeddings": [None],
                                  "documents": ["new"]}),
        ("POST", it + "/update", {"ids": ["r0"], "embeddings": None,
                                  "metadatas": [{"n": None}]}),
        ("POST", it + "/delete", {}), ("POST", it + "/delete", {"ids": []}),
        ("POST", it + "/delete", {"where": {}}),
        ("POST", it + "/query", {}),
        ("POST", it + "/query", {"query_embeddings": []}),
        ("POST", it + "/query", {"query_embeddings": [[]]}),
        ("POST", it + "/query", {"query_embeddings": [[1, 2]]}),
        ("POST", it + "/query", {"query_embeddings": one}),
        ("POST", it + "/query", {"query_embeddings": [one], "n_results": 0}),
        ("POST", it + "/query", {"query_embeddings": [one], "n_results": -1}),
        ("POST", it + "/query", {"query_embeddings": [one],
                                 "n_results": "2"}),
        ("POST", it + "/query", {"query_embeddings": [one],
                                 "include": ["nonsense"]}),
        ("POST", it + "/query", {"query_embeddings": vectors(1),
                                 "n_results": 1}),
        ("GET", it + "/count"), ("POST", it + "/get", {
            "include": ["embeddings", "documents", "metadatas", "uris"]}),
    ]
    return _all(hand, asked)


@scenario
def paths_by_hand(desk):
    hand = Hand(desk)
    answers = _all(hand, [
        ("GET", ""), ("GET", "/healthcheck"), ("GET", "/pre-flight-checks"),
        ("POST", "/reset"), ("GET", "/auth/identity"),
        ("GET", "/tenants/default_tenant"),
        ("GET", "/tenants/no_such/databases"), ("GET", hand.at),
        ("GET", hand.at + "x"), ("GET", hand.at + "/collections_count"),
        ("GET", "/tenants/no_such/databases/no_such/collections")])
    for _, answer in answers:  # what no two servers have in common
        for key in ("nanosecond heartbeat", "max_batch_size"):
            if isinstance(answer.get("body"), dict) and key in answer["body"]:
                answer["body"][key] = "<number>"
    # Of what is not there Chroma says nothing but the status.
    return answers + [[label, answer["status"]] for label, answer in _all(
        hand, [("GET", "/no_such"), ("POST", "/version"), ("GET", "/tenants"),
               ("PUT", hand.at + "/collections"),
               ("DELETE", hand.at + "/collections")])]
