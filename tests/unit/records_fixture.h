/* records_fixture.h - collections and records as tests want them. */
#ifndef TESTS_RECORDS_FIXTURE_H
#define TESTS_RECORDS_FIXTURE_H

#include "store/records.h"
#include "store_fixture.h"

#define DIM 3
#define ALL_FIELDS                                                             \
    (RECORD_VECTOR | RECORD_DOCUMENT | RECORD_URI | RECORD_METADATA)

/* The first component is the number. */
extern const float vector_1[DIM], vector_2[DIM], vector_3[DIM];

/* Another one for each number, in arena. */
struct slice a_uuid(struct store_fixture *f, int n);
/* In the default database. */
struct record_collection a_collection(struct store_fixture *f, int n,
                                      const char *name);
struct record_collection make_collection(struct store_fixture *f, int n,
                                         const char *name);
/* As it is now. */
struct record_collection look_at(struct store_fixture *f,
                                 const struct record_collection *c);

/* A record with nothing but a vector. */
struct record_new bare_record(const char *id, const float *v);
struct records_state put_records(struct store_fixture *f, int64_t collection,
                                 enum records_put how,
                                 const struct record_new *r, size_t n);
void put_record(struct store_fixture *f, int64_t collection,
                enum records_put how, struct record_new r);
/* With all its fields; it must be there. */
struct record record_of(struct store_fixture *f, int64_t collection,
                        const char *id);
/* "a b c": ids in the order of their numbers. */
const char *ids_listed(struct store_fixture *f, int64_t collection,
                       int64_t offset, int limit);

#endif
