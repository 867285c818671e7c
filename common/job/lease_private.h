/* What taking a lease and looking at one share. Private to job/. */
#ifndef NIGHTSHIFT_JOB_LEASE_PRIVATE_H
#define NIGHTSHIFT_JOB_LEASE_PRIVATE_H

/* Names the lock file for all hosts: this boot of this kernel, and the file's device and inode. Whoever has the same
 * place shares the file lock with us. Freed by the caller. */
char *lease_place_of(int descriptor);

#endif
