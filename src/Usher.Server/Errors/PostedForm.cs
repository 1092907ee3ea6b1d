using Microsoft.AspNetCore.Http.Features;
using Usher.Core;
using Usher.Server.Limits;

namespace Usher.Server.Errors;

/// <summary>Reads posted forms, for pages and APIs.</summary>
public static class PostedForm
{
    private const int MaxBytes = GuestGate.MaxGuestBodyBytes;

    private static readonly FormOptions Limits = new()
    {
        // Forms are buffered in memory and never written to a file. The limits are twice the allowed size, so that
        // this class and not the framework refuses a form that is too long.
        MemoryBufferThreshold = 2 * MaxBytes, BufferBodyLengthLimit = 2 * MaxBytes,
        MultipartBodyLengthLimit = 2 * MaxBytes, ValueLengthLimit = 2 * MaxBytes,
    };

    /// <summary>Reads a posted form. Later calls, and the framework, get the form that was read first.</summary>
    /// <returns>The fields. The error is <c>wrong_media_type</c> for a body that is not a form, <c>too_large</c> beyond
    /// 64 KiB, and <c>unreadable</c> for a malformed form.</returns>
    public static async Task<Result<FormCollection>> ReadAsync(HttpRequest request, CancellationToken ct)
    {
        if (!request.HasFormContentType) return HostErrors.WrongMediaType with { Message = "The body must be a form." };
        if (request.ContentLength > MaxBytes) return HostErrors.TooLarge;
        if (request.HttpContext.Features.Get<IFormFeature>() is not { Form: not null })
            request.HttpContext.Features.Set<IFormFeature>(new FormFeature(request, Limits));
        try
        {
            return (FormCollection)await request.ReadFormAsync(ct);
        }
        catch (BadHttpRequestException e) when (e.StatusCode is StatusCodes.Status413PayloadTooLarge)
        {
            return HostErrors.TooLarge;
        }
        catch (Exception e) when (
            e is InvalidDataException or IOException or ArgumentException or FormatException or NotSupportedException)
        {
            // For example a missing boundary, an unfinished part, malformed headers, too many fields, or UTF-7.
            return HostErrors.Unreadable;
        }
    }
}
