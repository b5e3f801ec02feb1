/* A stand-in for wevtutil.exe: checks its arguments, and answers from C:\events.txt. Each line is an event: record number, id, time,
   error code or -, and for a failed update the messages of source and step, and the path. Supports "/q:", "/c:" and "/rd:". */
#include <fcntl.h>
#include <io.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *after(int count, char **arguments, const char *flag)
{
    for (int i = 3; i < count; i++)
        if (strncmp(arguments[i], flag, strlen(flag)) == 0)
            return arguments[i] + strlen(flag);
    return NULL;
}

/* UTF-16LE, as "/uni:true" has it. */
static void wide(const char *text)
{
    for (; *text != '\0'; text++) {
        putchar(*text);
        putchar(0);
    }
}

int main(int count, char **arguments)
{
    const char *query = after(count, arguments, "/q:"), *most = after(count, arguments, "/c:");
    const char *reverse = after(count, arguments, "/rd:"), *unicode = after(count, arguments, "/uni:");
    static char lines[64][256];
    char text[2048], wanted[32], id[16], time[48], code[24], source[16], step[16], path[128], update[512];
    int known = 0, printed = 0, record;
    FILE *events = fopen("C:\\events.txt", "r");

    if (count < 3 || strcmp(arguments[1], "qe") != 0
        || strcmp(arguments[2], "Microsoft-Windows-Windows Defender/Operational") != 0
        || query == NULL || most == NULL || reverse == NULL || unicode == NULL || strcmp(unicode, "true") != 0)
        return 87; /* ERROR_INVALID_PARAMETER */
    if (events == NULL)
        return 15007; /* ERROR_EVT_CHANNEL_NOT_FOUND */
    while (known < 64 && fgets(lines[known], sizeof lines[known], events) != NULL)
        known++;
    const char *bound = strstr(query, "EventRecordID>");
    int least = bound == NULL ? 0 : atoi(bound + strlen("EventRecordID>"));

    _setmode(_fileno(stdout), _O_BINARY);
    fwrite("\xff\xfe", 1, 2, stdout);
    wide("<Events>");
    for (int i = 0; i < known && printed < atoi(most); i++) {
        const char *line = lines[strcmp(reverse, "true") == 0 ? known - 1 - i : i];
        int values = sscanf(line, "%d %15s %47s %23s %15s %15s %127s", &record, id, time, code, source, step, path);
        if (values < 4 || record <= least)
            continue;
        sprintf(wanted, "EventID=%s", id);
        const char *found = strstr(query, wanted);
        if (found == NULL || (found[strlen(wanted)] >= '0' && found[strlen(wanted)] <= '9'))
            continue;
        update[0] = '\0';
        if (values == 7)
            sprintf(update, "<Data Name='Previous Signature Version'>1.441.99.0</Data><Data Name='Update Source'>%s</Data>"
                "<Data Name='Update State'>%s</Data><Data Name='Source Path'>%s</Data>", source, step, path);
        sprintf(text, "<Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'><System>"
            "<Provider Name='Microsoft-Windows-Windows Defender'/><EventID>%s</EventID>"
            "<TimeCreated SystemTime='%s'/><EventRecordID>%d</EventRecordID></System>"
            "<EventData>%s<Data Name='Error Code'>%s</Data></EventData></Event>\r\n", id, time, record, update, code);
        wide(text);
        printed++;
    }
    wide("</Events>");
    return 0;
}
