/* A stand-in for MpCmdRun.exe: for a validation, prints the file answer.txt beside it, whose first line is the exit code in
   hexadecimal, or "hang" to run forever. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <windows.h>

int main(int count, char **arguments)
{
    char path[MAX_PATH], line[512];
    FILE *answer;
    DWORD length = GetModuleFileNameA(NULL, path, sizeof path - sizeof "answer.txt");

    if (count != 2 || strcmp(arguments[1], "-ValidateMapsConnection") != 0)
        return 87; /* ERROR_INVALID_PARAMETER */
    while (length > 0 && path[length - 1] != '\\')
        length--;
    strcpy(path + length, "answer.txt");
    answer = fopen(path, "r");
    if (answer == NULL || fgets(line, sizeof line, answer) == NULL)
        return 2; /* ERROR_FILE_NOT_FOUND */
    if (strncmp(line, "hang", 4) == 0) {
        puts("Start Time: Wed 08 20 2025 18:36:34");
        fflush(stdout);
        Sleep(INFINITE);
    }
    int code = (int)strtoul(line, NULL, 16);
    while (fgets(line, sizeof line, answer) != NULL)
        fputs(line, stdout); /* text mode: adds carriage returns */
    return code;
}
